/**
 * Finds workers that answer no more: a method or a timer that loops for ever, a storm of microtasks.
 *
 * The time that a worker takes to answer counts only while the host itself was awake: a machine that slept, or a
 * debugger that held the host, kills nobody.
 */
import type { VatId } from '../protocol/refs.js';

export type HeartbeatPowers = {
  unresponsiveMs: number;
  /** The same for a worker that has not said that it is up: starting a thread is the machine's affair. */
  startingMs: number;
  isDebugged: () => boolean;
  ping: (vatId: VatId, incarnation: number) => void;
  onUnresponsive: (vatId: VatId, incarnation: number, ms: number) => void;
};

type Watched = { vatId: VatId; incarnation: number; silentMs: number; asked: boolean; up: boolean };

const keyOf = (vatId: VatId, incarnation: number): string => `${vatId}.${incarnation}`;

export function makeHeartbeat({
  unresponsiveMs,
  startingMs,
  isDebugged,
  ping,
  onUnresponsive,
}: HeartbeatPowers) {
  const beatMs = Math.max(10, Math.min(1_000, unresponsiveMs / 5));
  const watched = new Map<string, Watched>();
  let timer: ReturnType<typeof setInterval> | undefined;
  let lastBeatAt = 0;

  const beat = (): void => {
    const now = performance.now();
    // More than two beats at once means that the host did not run in between.
    const awakeMs = Math.min(now - lastBeatAt, 2 * beatMs);
    lastBeatAt = now;
    if (isDebugged()) {
      for (const vat of watched.values()) vat.silentMs = 0;
      return;
    }
    for (const vat of [...watched.values()]) {
      if (vat.asked) vat.silentMs += awakeMs;
      const patienceMs = vat.up ? unresponsiveMs : startingMs;
      if (vat.silentMs >= patienceMs) onUnresponsive(vat.vatId, vat.incarnation, patienceMs);
      else if (!vat.asked) {
        vat.asked = true;
        ping(vat.vatId, vat.incarnation);
      }
    }
  };

  return {
    start(): void {
      clearInterval(timer);
      lastBeatAt = performance.now();
      timer = setInterval(beat, beatMs);
      // On Node a kernel that has nothing else to do does not keep its process alive by this.
      if (typeof timer === 'object') timer.unref();
    },
    stop: (): void => clearInterval(timer),

    /** Returns what to call when the worker has shown that its event loop runs. */
    watch(vatId: VatId, incarnation: number): () => void {
      const vat: Watched = { vatId, incarnation, silentMs: 0, asked: false, up: false };
      watched.set(keyOf(vatId, incarnation), vat);
      return () => {
        vat.silentMs = 0;
        vat.asked = false;
        vat.up = true;
      };
    },
    forget: (vatId: VatId, incarnation: number): void =>
      void watched.delete(keyOf(vatId, incarnation)),
  };
}

export type Heartbeat = ReturnType<typeof makeHeartbeat>;
