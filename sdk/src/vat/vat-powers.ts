/** `buildRootObject`'s first argument. */
import type { CapData } from '../protocol/capdata.js';
import type { CaveatLimits } from '../protocol/caveat-limits.js';
import { CAVEAT_MAKER_VREF } from '../protocol/refs.js';
import type { VRef } from '../protocol/refs.js';
import type { SyscallLog } from './syscall-log.js';
import type { Logger, LogSink } from './vat-log.js';

/** A reference to hand out in place of another one, and what ends it: `E(revoker).revoke()`. Both are durable. */
export type Caveat<Target> = { ref: Target; revoker: { revoke(): void } };

/** What every vat may do besides calling what it was given. */
export type VatPowers = {
  /** Reaches the kernel's logger with the vat's id and tags. */
  readonly logger: Logger;
  /** Writes to the kernel's logger at level `log`, tagged `stdout`. */
  readonly stdout: (...args: unknown[]) => void;
  /** Ends the vat once the running crank is applied. What it decided is rejected; its state is deleted. */
  readonly exit: (completion?: unknown) => void;
  /** Ends the vat and discards the running crank. */
  readonly exitWithFailure: (reason?: unknown) => void;
  /**
   * Makes another reference to an object for one holder, which can be revoked, expires, or lets through only some
   * methods or so many messages: `await caveat(notes, { methods: ['list'], uses: 10, expiresInMs: 60_000 })`.
   *
   * It is the kernel's: it outlives this vat's incarnations, and may be kept in the baggage.
   *
   * @param target - an object of this vat's or of another's; of the heap, it ends with its incarnation.
   * @returns rejects with DELIVERY_FAILED where `limits` are none, or `target` is no object.
   */
  readonly caveat: <Target>(target: Target, limits?: CaveatLimits) => Promise<Caveat<Target>>;
  /** {@link VatPowers.exit} by its other name. */
  readonly exitVat: (completion?: unknown) => void;
  /** {@link VatPowers.exitWithFailure} by its other name. */
  readonly exitVatWithFailure: (reason?: unknown) => void;
};

export function makeVatPowers(
  sink: LogSink,
  logger: Logger,
  syscalls: SyscallLog,
  encode: (value: unknown, label: string) => CapData<VRef>,
  send: (target: VRef, method: string, args: unknown[]) => Promise<unknown>,
): VatPowers {
  const exitAs = (failure: boolean, label: string) => (completion?: unknown) =>
    syscalls.push({ type: 'exit', failure, completion: encode(completion, label) });
  const exit = exitAs(false, 'completion of exit');
  const exitWithFailure = exitAs(true, 'reason of exitWithFailure');
  return harden({
    logger,
    stdout: (...args) => sink('log', ['stdout'], args),
    exit,
    exitWithFailure,
    caveat: async <Target>(target: Target, limits?: CaveatLimits) =>
      send(CAVEAT_MAKER_VREF, 'make', [target, limits]) as Promise<Caveat<Target>>,
    exitVat: exit,
    exitVatWithFailure: exitWithFailure,
  });
}
