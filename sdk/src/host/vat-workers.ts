/**
 * The workers of running vats: started a few at a time, spoken to, killed.
 *
 * One for each incarnation; what is sent to one that waits for its turn to start is kept for it. What one step of the
 * kernel gives a vat to do is one message.
 */
import type { VatId } from '../protocol/refs.js';
import type { FromVat, NumberedDelivery, ToVat } from '../protocol/vat-wire.js';
import type { Heartbeat } from './heartbeat.js';
import { messageOf } from './bundles.js';
import type { Log } from './logger.js';
import type { PlatformServices, VatWorker } from './platform-services.js';

export type VatWorkersPowers = {
  platform: PlatformServices;
  heartbeat: Heartbeat;
  log: Log;
  onMessage: (vatId: VatId, incarnation: number, message: FromVat) => void;
  onLost: (vatId: VatId, incarnation: number, why: string) => void;
  /** The worker has been told to end: nothing that is sent to it arrives any more. */
  onEnd: (vatId: VatId, incarnation: number) => void;
};

type Member = {
  vatId: VatId;
  incarnation: number;
  /** Absent while it waits for its turn to start. */
  worker?: VatWorker;
  unsent: ToVat[];
  /** What it is to be given with the next `flush`. */
  deliveries: NumberedDelivery[];
  loading: boolean;
  heard: () => void;
};

const keyOf = (vatId: VatId, incarnation: number): string => `${vatId}.${incarnation}`;

export function makeVatWorkers(powers: VatWorkersPowers) {
  const { platform, heartbeat, log, onMessage, onLost, onEnd } = powers;
  const members = new Map<string, Member>();
  const waiting: Member[] = [];
  const unflushed = new Set<Member>();
  const ending = new Set<Promise<void>>();
  let loading = 0;

  /** Loading a runtime takes a core for a tenth of a second: more at once than there are cores delays them all. */
  const startWaiting = (): void => {
    while (loading < (platform.workersLoadingMax ?? 2)) {
      const member = waiting.shift();
      if (member === undefined) return;
      if (members.get(keyOf(member.vatId, member.incarnation)) === member) startNow(member);
    }
  };

  const startNow = (member: Member): void => {
    const { vatId, incarnation } = member;
    loading += 1;
    member.loading = true;
    member.heard = heartbeat.watch(vatId, incarnation);
    const isCurrent = () => members.get(keyOf(vatId, incarnation)) === member;
    const lost = (why: string): void => {
      if (isCurrent()) onLost(vatId, incarnation, why);
    };
    try {
      member.worker = platform.startVatWorker(vatId, {
        onMessage: (message) => {
          if (!isCurrent()) return;
          try {
            // Not by what vat code can send out of an endless loop.
            if (message.type !== 'log' && message.type !== 'want-turn') member.heard();
            if (message.type === 'ready') loaded(member);
            else onMessage(vatId, incarnation, message);
          } catch {
            // Vat code that has taken its worker over can send anything.
            lost('its worker sent a message that cannot be read');
          }
        },
        onLost: lost,
      });
    } catch (thrown) {
      // Not now, in the middle of a step's effects.
      queueMicrotask(() => lost(`its worker could not be started: ${messageOf(thrown)}`));
      return;
    }
    for (const message of member.unsent.splice(0)) member.worker.send(message);
  };

  const loaded = (member: Member): void => {
    if (!member.loading) return;
    member.loading = false;
    loading -= 1;
    startWaiting();
  };

  const post = (member: Member, message: ToVat): void => {
    if (member.worker === undefined) member.unsent.push(message);
    else member.worker.send(message);
  };

  const flushOne = (member: Member): void => {
    if (unflushed.delete(member))
      post(member, { type: 'deliver', deliveries: member.deliveries.splice(0) });
  };

  const remove = (member: Member): void => {
    unflushed.delete(member);
    members.delete(keyOf(member.vatId, member.incarnation));
    heartbeat.forget(member.vatId, member.incarnation);
    onEnd(member.vatId, member.incarnation);
    if (member.worker !== undefined) {
      const end = member.worker
        .terminate()
        .catch((thrown: unknown) =>
          log(
            'error',
            ['kernel', member.vatId],
            [`a worker could not be ended: ${messageOf(thrown)}`],
          ),
        )
        .finally(() => ending.delete(end));
      ending.add(end);
    }
    loaded(member);
  };

  return {
    start(vatId: VatId, incarnation: number): void {
      const member: Member = {
        vatId,
        incarnation,
        unsent: [],
        deliveries: [],
        loading: false,
        heard: () => {},
      };
      members.set(keyOf(vatId, incarnation), member);
      waiting.push(member);
      startWaiting();
    },

    send(vatId: VatId, incarnation: number, message: ToVat): void {
      const member = members.get(keyOf(vatId, incarnation));
      if (member === undefined) return;
      // In order.
      flushOne(member);
      post(member, message);
    },

    /** Sent with the next `flush`, or before what is sent by itself. */
    deliver(vatId: VatId, incarnation: number, delivery: NumberedDelivery): void {
      const member = members.get(keyOf(vatId, incarnation));
      if (member === undefined) return;
      member.deliveries.push(delivery);
      unflushed.add(member);
    },

    flush: (): void => unflushed.forEach(flushOne),

    /** Kills the worker, whatever it is doing. */
    stop(vatId: VatId, incarnation: number): void {
      const member = members.get(keyOf(vatId, incarnation));
      if (member !== undefined) remove(member);
    },

    stopAll: (): void => [...members.values()].forEach(remove),

    /** Resolves when all workers that were stopped are gone. */
    allGone: async (): Promise<void> => void (await Promise.all(ending)),
  };
}
