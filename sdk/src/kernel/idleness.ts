/**
 * What happens to vats that have nothing to do: they are asked to collect, and, where more run than should, those that
 * allow it are put to sleep.
 *
 * Sleep is the end of an incarnation: heap and timers are gone, durable state stays, and the next delivery starts the
 * next one. So only a vat whose author promised that its heap is a cache (`creationOptions.durable`) is put to sleep,
 * and only while it waits for no answer and owes none: no call is cut off by it.
 */
import type { VatId } from '../protocol/refs.js';
import type { KernelEffect } from './events.js';
import type { KernelRows } from './rows.js';
import type { Queues } from './queues.js';

/** Of a vat's run, what decides whether it idles. */
export type Idler = {
  phase: 'stopped' | 'idle' | 'busy';
  wantsStart: boolean;
  wantsTurn: boolean;
  wantsReap: boolean;
  upgrade?: unknown;
  collectable: ReadonlySet<unknown>;
  deliveriesSinceReap: number;
  /** Its author allows that it is put to sleep. */
  maySleep: boolean;
  /** The host's time at its last delivery. */
  activeAt: number;
  /** It was asked once more what it did between cranks, and has had nothing to do since. */
  isDrowsy: boolean;
};

export type IdlenessPowers = {
  rows: KernelRows;
  queues: Queues;
  /** Vats whose workers run. */
  live: ReadonlyMap<VatId, Idler>;
  policy: { readonly vatsLiveMax: number; readonly reapIdleMs: number };
  now: () => number;
  emit: (effect: KernelEffect) => void;
  wake: (vatId: VatId) => void;
  /** Ends the incarnation. */
  sleep: (vatId: VatId) => void;
};

export function makeIdleness(powers: IdlenessPowers) {
  const { rows, queues, live, policy, now, emit, wake, sleep } = powers;
  let hasWarned = false;

  const isIdle = (vatId: VatId, run: Idler): boolean =>
    run.phase === 'idle' &&
    run.upgrade === undefined &&
    !run.wantsStart &&
    !run.wantsTurn &&
    !run.wantsReap &&
    run.collectable.size === 0 &&
    queues.length(vatId) === 0;

  const canSleep = (vatId: VatId, run: Idler): boolean =>
    run.maySleep &&
    isIdle(vatId, run) &&
    rows.vats.getRequired(vatId).condition === 'running' &&
    // Promises that it decides or waits for stand in its c-list.
    rows.clistByKRef.ids(`${vatId}.kp`, 1).length === 0;

  const warnOnce = (): void => {
    if (hasWarned || [...live.values()].some((run) => run.phase === 'busy')) return;
    hasWarned = true;
    emit({
      type: 'log',
      level: 'warn',
      message: `${live.size} vats run, more than vatsLiveMax (${policy.vatsLiveMax}), and no more of them can be put to sleep: creationOptions.durable allows it`,
    });
  };

  return {
    /** Puts vats to sleep, those first that have been idle longest, until no more run than should. */
    relieve(): void {
      let surplus = live.size - policy.vatsLiveMax;
      if (surplus <= 0) {
        hasWarned = false;
        return;
      }
      const sleepers = [...live]
        .filter(([vatId, run]) => canSleep(vatId, run))
        .sort(([, a], [, b]) => a.activeAt - b.activeAt);
      for (const [vatId, run] of sleepers) {
        if (surplus === 0) return;
        surplus -= 1;
        if (run.isDrowsy) sleep(vatId);
        else {
          // What a timer of its did just now must not be lost with it.
          run.isDrowsy = true;
          run.wantsTurn = true;
          wake(vatId);
        }
      }
      if (surplus > 0) warnOnce();
    },

    /** Has a vat done something since it last collected by force? */
    isRestless: (): boolean => [...live.values()].some((run) => run.deliveriesSinceReap > 0),

    /** Asks vats to collect that have been idle for a while. */
    reapIdle(): void {
      for (const [vatId, run] of live) {
        if (run.deliveriesSinceReap === 0 || now() - run.activeAt < policy.reapIdleMs) continue;
        if (!isIdle(vatId, run)) continue;
        run.wantsReap = true;
        wake(vatId);
      }
    },
  };
}

export type Idleness = ReturnType<typeof makeIdleness>;
