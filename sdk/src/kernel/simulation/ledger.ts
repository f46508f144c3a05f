/**
 * What really was said in a simulation, seen from above: which object each vref means, who sent what, how each promise
 * was settled, what was delivered. The kernel is held to it.
 *
 * It forgets with the kernel: what the kernel had not committed when it died is rolled back here, too.
 */
import type { VatId } from '../../protocol/refs.js';

/** An object or promise, whatever anybody calls it. `undefined`: a liar spoke of it. */
export type Uid = string | undefined;

export type SentMessage = {
  from: string;
  sequence: number;
  target: Uid;
  slots: Uid[];
  result: Uid;
};
export type Settled = { rejected: boolean; body: string; slots: Uid[] };

export function makeLedger() {
  const messages = new Map<number, SentMessage>();
  const settlements = new Map<string, Settled>();
  const delivered = new Map<number, VatId>();
  /** The newest message of each sender to each target that was delivered. */
  const newest = new Map<string, number>();
  let undo: (() => void)[] = [];
  let lastId = 0;

  const put = <K, V>(map: Map<K, V>, key: K, value: V): void => {
    const before = map.get(key);
    undo.push(() => (before === undefined ? map.delete(key) : map.set(key, before)));
    map.set(key, value);
  };

  return {
    messages,
    settlements,
    delivered,

    nextId: (): number => (lastId += 1),
    sent: (id: number, message: SentMessage): void => put(messages, id, message),

    settled(promise: string, settlement: Settled): void {
      if (settlements.has(promise)) throw new Error(`${promise} was settled twice`);
      put(settlements, promise, settlement);
    },

    /** A crank that the message was delivered to has been applied. */
    finished(id: number, vatId: VatId): void {
      if (delivered.has(id)) throw new Error(`message ${id} was delivered twice`);
      put(delivered, id, vatId);
      const message = messages.get(id);
      if (message?.target === undefined) return;
      const pair = `${message.from} to ${message.target}`;
      if ((newest.get(pair) ?? -1) >= message.sequence) {
        throw new Error(`message ${id} from ${pair} was overtaken`);
      }
      put(newest, pair, message.sequence);
    },

    commit(): void {
      undo = [];
    },
    rollback(): void {
      for (const back of undo.reverse()) back();
      undo = [];
    },
  };
}

export type Ledger = ReturnType<typeof makeLedger>;
