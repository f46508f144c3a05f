/**
 * Ocap URLs as the kernel keeps them: random numbers, each recorded with one object in the change set that issued it.
 *
 * A number holds its object until it is revoked, used up or out of date. One that is not recorded never was, or is no
 * more: both look the same from outside.
 */
import { isPromiseKRef, type KRef } from '../protocol/refs.js';
import { rejection, type Settlement } from './messages.js';
import type { References } from './references.js';
import type { KernelRows } from './rows.js';

/** What one issue may limit. */
export type OcapUrlLimits = {
  /** Times that it may be redeemed. */
  uses?: number;
  /** Milliseconds from now on, after which it is redeemed no more. What was redeemed before is not affected. */
  expiresInMs?: number;
};

export type OcapUrlPowers = {
  rows: KernelRows;
  references: References;
  now: () => number;
  /** Numbers that are recorded at the same time. */
  ocapUrlsMax: number;
};

/** Numbers whose time has come that one step forgets. */
const expiriesMax = 1_000;

const unknown = rejection(
  'OBJECT_DELETED',
  'no object has this ocap URL: it is gone, was revoked or used up, or its kernel was reset',
);
const expired = rejection('OBJECT_EXPIRED', 'the time of this ocap URL is over');
const revoked = rejection('OBJECT_REVOKED', 'Target object has been revoked');

export function makeOcapUrls({ rows, references, now, ocapUrlsMax }: OcapUrlPowers) {
  /** How many are recorded, once they were counted. */
  let count: number | undefined;
  let before: number | undefined;
  /** Nothing expires before. Zero: it has not been looked up. */
  let soonest = 0;

  const countAll = (): number => (count ??= rows.urls.ids().length);
  const expiryKey = (at: number, number: string): string =>
    `${String(at).padStart(16, '0')}.${number}`;

  const forget = (number: string): void => {
    const row = rows.urls.get(number);
    if (row === undefined) return;
    if (row.expiresAt !== undefined) rows.urlExpiries.delete(expiryKey(row.expiresAt, number));
    rows.urls.delete(number);
    references.release(row.kref);
    if (count !== undefined) count -= 1;
  };

  const isGone = (kref: KRef): boolean => !rows.objects.get(kref)?.owner;

  return {
    /** What stands in the way of recording this number, if something does. */
    objection(number: string, kref: KRef): string | undefined {
      const known = rows.urls.get(number);
      if (known !== undefined && known.kref !== kref && !isGone(known.kref)) {
        return `the name stands for ${known.kref}, which still exists; revoke its URL first`;
      }
      if (isPromiseKRef(kref)) return 'a promise has no ocap URL; await it first';
      if (known === undefined && countAll() >= ocapUrlsMax) {
        return `${ocapUrlsMax} ocap URLs are issued, and none of them was revoked or is out of date`;
      }
      return undefined;
    },

    issue(number: string, kref: KRef, { uses, expiresInMs }: OcapUrlLimits): void {
      forget(number);
      const expiresAt = expiresInMs === undefined ? undefined : Math.ceil(now() + expiresInMs);
      rows.urls.set(number, {
        kref,
        ...(uses !== undefined && { uses }),
        ...(expiresAt !== undefined && { expiresAt }),
      });
      references.hold(kref);
      if (count !== undefined) count += 1;
      if (expiresAt === undefined) return;
      rows.urlExpiries.set(expiryKey(expiresAt, number), true);
      soonest = Math.min(soonest, expiresAt);
    },

    /** The object of a number: one use of it. */
    redeem(number: string): { kref: KRef } | { failure: Settlement } {
      const row = rows.urls.get(number);
      if (row === undefined) return { failure: unknown };
      const { kref, uses, expiresAt } = row;
      if (expiresAt !== undefined && expiresAt <= now()) {
        forget(number);
        return { failure: expired };
      }
      const object = rows.objects.getRequired(kref);
      if (object.revoked) return { failure: revoked };
      if (object.owner === null) {
        forget(number);
        return { failure: unknown };
      }
      if (uses !== undefined) {
        if (uses > 1) rows.urls.set(number, { ...row, uses: uses - 1 });
        // Whoever redeems it holds the object by the end of this step.
        else forget(number);
      }
      return { kref };
    },

    /** Was there such a number? */
    revoke(number: string): boolean {
      const known = rows.urls.has(number);
      forget(number);
      return known;
    },

    /** A step begins that may be undone. */
    begin: (): void => void (before = count),
    undo(): void {
      count = before;
      soonest = 0;
    },

    isDue: (): boolean => now() >= soonest,

    /** Forgets a slice of the numbers whose time has come. */
    expire(): void {
      let ended = 0;
      for (const key of rows.urlExpiries.ids('', expiriesMax + 1)) {
        const [at, number] = key.split('.') as [string, string];
        soonest = Number(at);
        if (soonest > now() || ended === expiriesMax) return;
        forget(number);
        ended += 1;
      }
      soonest = Infinity;
    },
  };
}

export type OcapUrls = ReturnType<typeof makeOcapUrls>;
