/** The page's objects in one session. It comes with the first of them, so that pages that expose nothing need none of this. */
import { KernelError } from '../errors.js';
import type { CapData } from '../protocol/capdata.js';
import { numberOf, type VRef } from '../protocol/refs.js';
import type { HostOp } from '../protocol/session-wire.js';
import type { SlotRef } from '../protocol/smallcaps.js';
import type { Label } from '../protocol/trail.js';
import type { Exposure } from './expose.js';

type Export = { handle: object; exposure: Exposure; mentions: number };

export type ExportPowers = {
  readonly newName: (kind: 'o') => VRef;
  /** Reads a value of the host's. */
  readonly read: (value: CapData<VRef>, label: Label) => unknown;
};

export type Exports = ReturnType<typeof makeExports>;

export function makeExports({ newName, read }: ExportPowers) {
  const exports = new Map<VRef, Export>();
  const names = new Map<object, VRef>();

  const find = (name: VRef): Export => {
    const own = exports.get(name);
    if (own !== undefined) return own;
    throw new KernelError('SESSION_CLOSED', 'The page exposes this object no longer');
  };

  /** Takes back so many mentions; after the last the name is dead. */
  const drop = (name: VRef, count: number): void => {
    const own = exports.get(name);
    if (own === undefined || (own.mentions -= count) > 0) return;
    exports.delete(name);
    names.delete(own.handle);
  };

  return {
    slotOf(handle: object, exposure: Exposure, refuse: (why: string) => never): SlotRef<VRef> {
      const { isRevoked, iface } = exposure;
      if (isRevoked) return refuse('an exposed object that was revoked');
      let slot = names.get(handle);
      if (slot === undefined) {
        slot = newName('o');
        exports.set(slot, { handle, exposure, mentions: 0 });
        names.set(handle, slot);
      }
      return { slot, iface };
    },
    /** A value with these slots was sent. */
    mention(slots: readonly VRef[]): void {
      for (const slot of slots) {
        const own = exports.get(slot);
        if (own !== undefined) own.mentions += 1;
      }
    },
    /** @throws KernelError SESSION_CLOSED. */
    handleOf: (name: VRef): object => find(name).handle,
    drop,
    /** The host has closed those with lower numbers. */
    closeBelow(number: number): void {
      for (const name of exports.keys()) if (numberOf(name) < number) drop(name, Infinity);
    },
    /** The page's code runs when this frame is done, and what it throws is its caller's. */
    async call({ target, methargs }: HostOp & { op: 'call' }): Promise<unknown> {
      const own = exports.get(target);
      const [method, args] = read(methargs, ['method', 'args']) as unknown[];
      await Promise.resolve();
      return (own ?? find(target)).exposure.invoke(method, args);
    },
  };
}
