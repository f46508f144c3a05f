/** A plug-in that counts. It needs to read the list, and nothing else. */
import { E, iterate, makeDefaultExo, prepareTopic, type Baggage, type ERef } from '@vatkit/sdk/vat';
import type { Source } from '../vats/joined-lists.js';
import type { ListView } from '../vats/types.js';
import type { Card } from './card.js';

function count({ items }: ListView): Card {
  const done = items.filter((item) => item.done).length;
  const percent = items.length === 0 ? 0 : Math.round((100 * done) / items.length);
  const people = new Map<string, number>();
  for (const { by } of items) people.set(by, (people.get(by) ?? 0) + 1);
  const busiest = [...people].sort(([, a], [, b]) => b - a).slice(0, 3);
  return {
    headline: items.length === 0 ? 'Nothing to count yet' : `${percent}% done`,
    lines: [
      `${done} of ${items.length} items are ticked off`,
      ...busiest.map(([who, sum]) => `${who} added ${sum}`),
    ],
  };
}

/** Counts what is done. */
export function buildRootObject(_powers: unknown, _parameters: unknown, baggage: Baggage) {
  const { publisher, subscriber } = prepareTopic<Card>(baggage, 'card');

  const follow = async (list: Source): Promise<void> => {
    for await (const view of iterate<ListView>(E(list).watch())) publisher.publish(count(view));
    publisher.publish({ headline: 'Stopped', lines: ['The list was taken back.'] });
  };
  const start = (list: Source): void => {
    follow(list).catch((error: Error) =>
      publisher.publish({ headline: 'Stopped', lines: [error.message] }),
    );
  };
  if (baggage.has('list')) start(baggage.get('list'));

  return makeDefaultExo('tally', {
    /** Begins to work on what it is granted. */
    async start(share: ERef<Source>) {
      const list = await share;
      if (!baggage.has('list')) baggage.init('list', list);
      start(list);
    },
    /**
     * What it has to show.
     * @live
     */
    card: () => subscriber,
  });
}
