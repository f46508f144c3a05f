/** What components look at: items, notes, topics, and calls that fail or wait. */
import { E, makeDefaultExo, prepareExoClass, prepareTopic } from '@vatkit/sdk/vat';
import type { Baggage, ERef } from '@vatkit/sdk/vat';

export type Item = { text: string; done: boolean };

export function buildRootObject(_powers: unknown, _parameters: unknown, baggage: Baggage) {
  for (const key of ['items', 'notes']) if (!baggage.has(key)) baggage.init(key, []);
  const items = (): Item[] => baggage.get('items');
  const { publisher, subscriber } = prepareTopic<number>(baggage, 'count');
  const makeNote = prepareExoClass(baggage, 'Note', undefined, (text: string) => ({ text }), {
    /** @query */
    read() {
      return this.state.text;
    },
    edit(text: string) {
      this.state.text = text;
    },
  });
  const notes = (): ReturnType<typeof makeNote>[] => baggage.get('notes');
  let open: () => void = () => undefined;
  let reads = 0;

  const board = makeDefaultExo('Board', {
    add(text: string) {
      baggage.set('items', [...items(), { text, done: false }]);
      publisher.publish(items().length);
      return BigInt(items().length);
    },
    clear() {
      baggage.set('items', []);
    },
    /** @query */
    list(filter: 'all' | 'open' = 'all'): Item[] {
      reads += 1;
      return items().filter(({ done }) => filter === 'all' || !done);
    },
    /** How often `list` was asked. @query */
    reads: () => reads,
    /** @query */
    pageOf: (from: number, size: number): Item[] => items().slice(from, from + size),
    /** @query */
    echo: (...args: unknown[]): unknown => args,
    /** @query */
    nothing: (): undefined => undefined,
    /** @query */
    failIfEmpty() {
      if (items().length === 0) throw Error('the board is empty');
      return items().length;
    },
    /** Adds when it is told to go on; fails where there is no text. */
    async addLater(text: string) {
      await new Promise<void>((resolve) => {
        open = resolve;
      });
      if (text === '') throw Error('no text');
      return board.add(text);
    },
    goOn: () => open(),
    /** @query */
    waiting: () =>
      new Promise<void>((resolve) => {
        open = resolve;
      }),
    /** What there is now, once the other has gone on. @query */
    async listAfter(other: ERef<{ waiting(): Promise<void> }>) {
      const now = items();
      await E(other).waiting();
      return now;
    },
    note(text: string) {
      const note = makeNote(text);
      baggage.set('notes', [...notes(), note]);
      return note;
    },
    forgetNotes() {
      baggage.set('notes', []);
    },
    /** @query */
    notes: (): ReturnType<typeof makeNote>[] => notes(),
    /** How many there are. @live */
    count: () => subscriber,
    /** @live */
    async *countdown(from: number) {
      for (let at = from; at >= 0; at -= 1) yield at;
    },
    /** @query */
    async listOf(other: ERef<{ list(): Item[] }>): Promise<Item[]> {
      return E(other).list();
    },
  });
  return board;
}
