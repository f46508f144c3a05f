/** What most vats are: a durable root's worth of data, notes, a topic. */
import { E, makeDefaultExo, prepareExoClass, prepareTopic } from '@vatkit/sdk/vat';
import type { Baggage, Bytes, ERef } from '@vatkit/sdk/vat';
import { makeTag } from './helpers/tags.js';
import type { Page, Priority } from './helpers/types.js';

/** One thing to do. */
export type Item = {
  text: string;
  done: boolean;
  /** Higher comes first. */
  priority?: Priority;
  /** What it consists of. */
  parts: Item[];
};

export type Parameters = { owner?: string; limit?: number };

/** A list of things to do. */
export function buildRootObject(_vatPowers: unknown, parameters: Parameters, baggage: Baggage) {
  if (!baggage.has('items')) baggage.init('items', []);
  const items = (): Item[] => baggage.get('items');
  /** A note that lasts. */
  const makeNote = prepareExoClass(baggage, 'Note', undefined, (text: string) => ({ text }), {
    /**
     * Its text.
     * @query
     */
    read() {
      return this.state.text;
    },
    edit(text: string) {
      this.state.text = text;
    },
  });
  const { publisher, subscriber } = prepareTopic<number>(baggage, 'count');
  return makeDefaultExo('todo', {
    /**
     * Adds one thing.
     *
     * @param text - what to do
     * @returns how many there are
     */
    add(text: string, priority: Priority = 'low', ...parts: string[]) {
      const made = parts.map((part) => ({ text: part, done: false, parts: [] }));
      baggage.set('items', [...items(), { text, done: false, priority, parts: made }]);
      publisher.publish(items().length);
      return BigInt(items().length);
    },
    /**
     * What there is to do.
     * @query
     */
    list({ done, limit = 100 }: { done?: boolean; limit?: number } = {}): Page<Item> {
      const found = items().filter((item) => done === undefined || item.done === done);
      return { items: found.slice(0, limit), total: found.length };
    },
    /** @query */
    owner: () => parameters.owner ?? 'nobody',
    /** @live */
    count: () => subscriber,
    note: (text: string) => makeNote(text),
    notes: (...texts: string[]) => texts.map((text) => makeNote(text)),
    tags: () => ({ first: makeTag('first'), second: makeTag('second') }),
    maybe: (wanted: boolean) => (wanted ? makeNote('maybe') : undefined),
    later: async () => makeNote('later'),
    echo: (bytes: Bytes) => bytes,
    async *countdown(from: number) {
      for (let at = from; at > 0; at -= 1) yield at;
    },
    async tell(note: ERef<ReturnType<typeof makeNote>>, listener: (text: string) => void) {
      await E(listener)(await E(note).read());
    },
  });
}
