/**
 * Caveats: forwarders to one object, each for one holder, which the kernel itself performs.
 *
 * A forwarder can be revoked, expire, or let through only some methods or so many messages; its revoker is an object
 * with the one method `revoke`. Both are objects of the kernel realm `k1`, rows and nothing else: they cost no vat's
 * crank, outlive every incarnation, and are counted like any other object. A forwarder holds its target until it ends;
 * a revoker holds nothing, and outlives its forwarder as a name of something that was.
 *
 * What is answered through a forwarder passes as it is: it is no membrane.
 */
import type { CapData } from '../protocol/capdata.js';
import { checkCaveatLimits, type CaveatLimits } from '../protocol/caveat-limits.js';
import { isStandIn, kser, kslot, kunser, type StandIn } from '../protocol/kernel-values.js';
import {
  CAVEAT_MAKER,
  KERNEL_REALM,
  isPromiseKRef,
  type EndpointId,
  type KRef,
} from '../protocol/refs.js';
import { rejection, type Messages, type Settlement } from './messages.js';
import type { References } from './references.js';
import type { CaveatRow, KernelRows, Message } from './rows.js';

/** Forwarders to forwarders: each message through them is that many steps. */
export const caveatDepthMax = 100;
/** Characters of a method's name on the wire as far as it is read; a longer one is in no list. */
const methodCharsMax = 600;
/** Forwarders whose time has come that one step ends. */
const expiriesMax = 1_000;

export type CaveatPowers = {
  rows: KernelRows;
  references: References;
  /** The host's time, in milliseconds since 1970. */
  now: () => number;
};

type Forwarder = CaveatRow & { type: 'forwarder' };

/** `ref` is what to hand out, `revoker` what ends it: `E(revoker).revoke()`. */
export type Caveat = { ref: KRef; revoker: KRef };

const ends = {
  revoked: rejection('OBJECT_REVOKED', 'Target object has been revoked'),
  expired: rejection('OBJECT_EXPIRED', 'the time of this reference is over'),
  'used-up': rejection('OBJECT_USED_UP', 'this reference was used as often as it may be'),
} satisfies { [Why in (CaveatRow & { type: 'ended' })['why']]: Settlement };

export function makeCaveats({ rows, references, now }: CaveatPowers, messages: () => Messages) {
  /** Nothing expires before. Zero: it has not been looked up. */
  let soonest = 0;

  const expiryKey = (at: number, kref: KRef): string => `${String(at).padStart(16, '0')}.${kref}`;

  /** Lets go of what the row holds; the row itself is left to the caller. */
  const disarm = (kref: KRef, { target, expiresAt }: Forwarder): void => {
    if (expiresAt !== undefined) rows.expiries.delete(expiryKey(expiresAt, kref));
    references.release(target);
  };

  const end = (kref: KRef, why: keyof typeof ends): void => {
    const row = rows.caveats.get(kref);
    if (row?.type !== 'forwarder') return;
    disarm(kref, row);
    rows.caveats.set(kref, { type: 'ended', why });
  };

  const depthOf = (target: KRef): number => {
    const row = rows.caveats.get(target);
    return row?.type === 'forwarder' ? row.depth : 0;
  };

  const make = (target: KRef, { methods, uses, expiresInMs }: CaveatLimits): Caveat => {
    const ref = references.makeObject(KERNEL_REALM);
    const revoker = references.makeObject(KERNEL_REALM);
    const expiresAt = expiresInMs === undefined ? undefined : Math.ceil(now() + expiresInMs);
    rows.caveats.set(ref, {
      type: 'forwarder',
      target,
      depth: depthOf(target) + 1,
      ...(methods !== undefined && { methods }),
      ...(uses !== undefined && { uses }),
      ...(expiresAt !== undefined && { expiresAt }),
    });
    references.hold(target);
    if (expiresAt !== undefined) {
      rows.expiries.set(expiryKey(expiresAt, ref), true);
      soonest = Math.min(soonest, expiresAt);
    }
    rows.caveats.set(revoker, { type: 'revoker', forwarder: ref });
    return { ref, revoker };
  };

  /** Why there can be no forwarder to this object, if so. */
  const objection = (target: KRef): string | undefined =>
    depthOf(target) < caveatDepthMax
      ? undefined
      : `${caveatDepthMax} forwarders lie before the object already`;

  const revoke = (kref: KRef): void => {
    const object = rows.objects.get(kref);
    if (object === undefined) return;
    rows.objects.set(kref, { ...object, revoked: true });
    end(kref, 'revoked');
  };

  const forward = (kref: KRef, row: Forwarder, message: Message, sender?: EndpointId): void => {
    const { target, methods, uses } = row;
    if (methods !== undefined && !methods.includes(methodOf(message.methargs) ?? '')) {
      answer(
        message,
        rejection('METHOD_REFUSED', `this reference lets only ${quoted(methods)} through`),
      );
      return;
    }
    if (uses !== undefined) rows.caveats.set(kref, { ...row, uses: uses - 1 });
    messages().route(target, message, sender);
    if (uses === 1) end(kref, 'used-up');
  };

  const answer = ({ result }: Message, settlement: Settlement): void => {
    if (result !== undefined) messages().settle(result, settlement);
  };

  /** Calls a method of the kernel realm's own objects. */
  const invoke = (
    message: Message,
    methods: { [name: string]: (...args: unknown[]) => unknown },
  ): void => {
    let settlement: Settlement;
    try {
      const [method, args] = kunser(message.methargs) as [unknown, unknown[]];
      if (typeof method !== 'string' || !Object.hasOwn(methods, method)) {
        throw new TypeError(
          `target has no method ${JSON.stringify(method) ?? 'of no name'}, has [${quoted(Object.keys(methods))}]`,
        );
      }
      settlement = { rejected: false, value: kser(methods[method]?.(...args)) };
    } catch (thrown) {
      settlement = rejection(
        'DELIVERY_FAILED',
        thrown instanceof Error ? thrown.message : 'unreadable',
      );
    }
    answer(message, settlement);
  };

  const makerMethods = {
    make(target: unknown, limits: unknown): { [name in keyof Caveat]: StandIn } {
      if (!isStandIn(target) || isPromiseKRef(target.kref)) {
        throw new TypeError(
          'a caveat takes an object that messages can be sent to; await a promise first',
        );
      }
      const checked = checkCaveatLimits(limits);
      const problem = objection(target.kref);
      if (problem !== undefined) throw new RangeError(problem);
      const { ref, revoker } = make(target.kref, checked);
      return { ref: kslot(ref, target.iface), revoker: kslot(revoker, 'revoker') };
    },
  };

  return {
    make,
    objection,
    /** Revokes an object of any realm for all of its holders; a forwarder lets go of its target. */
    revoke,

    /** A message for an object of the kernel realm. */
    receive(kref: KRef, message: Message, sender?: EndpointId): void {
      const row = kref === CAVEAT_MAKER ? undefined : rows.caveats.getRequired(kref);
      if (row === undefined) invoke(message, makerMethods);
      else if (row.type === 'forwarder') forward(kref, row, message, sender);
      else if (row.type === 'ended') answer(message, ends[row.why]);
      else invoke(message, { revoke: () => revoke(row.forwarder) });
    },

    /** What a forwarder that has not ended stands before. */
    targetOf(kref: KRef): KRef | undefined {
      const row = rows.caveats.get(kref);
      return row?.type === 'forwarder' ? row.target : undefined;
    },

    /** Nobody can send to it any more. */
    drop(kref: KRef): void {
      const row = rows.caveats.getRequired(kref);
      if (row.type === 'forwarder') disarm(kref, row);
      rows.caveats.delete(kref);
    },

    /** The maker of caveats is there from a store's first start. */
    start(): void {
      if (!rows.objects.has(CAVEAT_MAKER)) {
        rows.objects.set(CAVEAT_MAKER, { owner: KERNEL_REALM, reach: 1, recog: 1 });
      }
    },

    /** Has the time of a forwarder come? */
    isDue: (): boolean => now() >= soonest,

    /** Ends a slice of the forwarders whose time has come. Those that remain are due in the next step. */
    expire(): void {
      let ended = 0;
      for (const key of rows.expiries.ids('', expiriesMax + 1)) {
        const [at, kref] = key.split('.') as [string, KRef];
        soonest = Number(at);
        if (soonest > now() || ended === expiriesMax) return;
        end(kref, 'expired');
        ended += 1;
      }
      soonest = Infinity;
    },
  };
}

/** The method of a message, where it is a plain name. Only the head of the text is read. */
function methodOf({ body }: CapData): string | undefined {
  const [, quotedName] = headForm.exec(body) ?? [];
  if (quotedName === undefined) return undefined;
  let name: string;
  try {
    name = JSON.parse(quotedName) as string;
  } catch {
    return undefined;
  }
  if (name.startsWith('!')) return name.slice(1);
  // In smallcaps the characters `!` to `-` at the start of a string mark something else than its text.
  return name < '!' || name >= '.' ? name : undefined;
}

const headForm = new RegExp(`^#\\[("(?:[^"\\\\]|\\\\.){0,${methodCharsMax}}"),`, 's');

const quoted = (names: readonly string[]): string =>
  names.map((name) => JSON.stringify(name)).join(', ');

export type Caveats = ReturnType<typeof makeCaveats>;
