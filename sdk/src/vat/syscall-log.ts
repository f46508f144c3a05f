/**
 * The system calls that a vat has made and not yet handed to the kernel.
 *
 * They leave only with a crank's end. What vat code does between cranks (a timer, an answer of the host) gathers
 * here, too, and the kernel is asked for a turn.
 */
import type { VRef } from '../protocol/refs.js';
import type { Syscall } from '../protocol/vat-wire.js';

export type SyscallLog = {
  push(syscall: Syscall): void;
  take(): Syscall[];
  /** For tests and diagnosis. */
  size(): number;
};

/** @param onPush - called after each, so that the owner can ask for a turn where none is under way. */
export function makeSyscallLog(onPush: () => void): SyscallLog {
  let calls: Syscall[] = [];
  return harden({
    push(syscall) {
      calls.push(syscall);
      onPush();
    },
    take() {
      const taken = calls;
      calls = [];
      return taken;
    },
    size: () => calls.length,
  });
}

/** Every reference that these calls put to use. */
export function mentionedIn(calls: readonly Syscall[]): Set<VRef> {
  const vrefs = new Set<VRef>();
  for (const call of calls) {
    switch (call.type) {
      case 'send':
        vrefs.add(call.target);
        for (const slot of call.methargs.slots) vrefs.add(slot);
        break;
      case 'resolve':
        for (const { value } of call.resolutions) for (const slot of value.slots) vrefs.add(slot);
        break;
      case 'exit':
        for (const slot of call.completion.slots) vrefs.add(slot);
        break;
      case 'subscribe':
        vrefs.add(call.vpid);
        break;
      default:
        break;
    }
  }
  return vrefs;
}
