/** A plug-in that writes beside each item where the shop has it. It needs to read, and to write notes. */
import { E, iterate, makeDefaultExo, prepareTopic, type Baggage, type ERef } from '@vatkit/sdk/vat';
import type { Source } from '../vats/joined-lists.js';
import type { ListView } from '../vats/types.js';
import type { Card } from './card.js';

type Annotated = Source & { annotate(id: string, note: string): void };

const aisles: [aisle: string, words: RegExp][] = [
  [
    'Fruit & vegetables',
    /apple|banana|berr|lemon|lime|orange|pear|tomato|potato|onion|garlic|carrot|salad|lettuce|spinach|basil|herb|cucumber|pepper|avocado|mushroom/i,
  ],
  ['Bakery', /bread|baguette|bun|roll|croissant|cake|focaccia|toast/i],
  ['Dairy', /milk|butter|cheese|yogh?urt|cream|egg|feta|mozzarella|parmesan/i],
  ['Drinks', /juice|water|wine|beer|coffee|tea|cola|lemonade|cider/i],
  ['Household', /soap|paper|sponge|bag|candle|battery|detergent|foil|napkin|charcoal|ice\b/i],
  [
    'Pantry',
    /pasta|rice|flour|sugar|oil|salt|bean|lentil|cereal|oat|honey|jam|chocolate|olive|crisp|sauce/i,
  ],
  ['Meat & fish', /chicken|beef|\bham\b|sausage|fish|salmon|tuna|bacon/i],
];

const aisleOf = (text: string): string => aisles.find(([, words]) => words.test(text))?.[0] ?? '';

/** Sorts groceries. */
export function buildRootObject(_powers: unknown, _parameters: unknown, baggage: Baggage) {
  const { publisher, subscriber } = prepareTopic<Card>(baggage, 'card');

  const follow = async (list: Annotated): Promise<void> => {
    for await (const { items } of iterate<ListView>(E(list).watch())) {
      const known = items.filter(({ text }) => aisleOf(text) !== '');
      const fresh = known.filter(({ text, note }) => note !== aisleOf(text));
      await Promise.all(fresh.map(({ id, text }) => E(list).annotate(id, aisleOf(text))));
      const stops = new Set(known.filter(({ done }) => !done).map(({ text }) => aisleOf(text)));
      publisher.publish({
        headline: stops.size === 1 ? '1 aisle to visit' : `${stops.size} aisles to visit`,
        lines: [...stops].sort(),
      });
    }
    publisher.publish({ headline: 'Stopped', lines: ['The list was taken back.'] });
  };
  const start = (list: Annotated): void => {
    follow(list).catch((error: Error) =>
      publisher.publish({ headline: 'Stopped', lines: [error.message] }),
    );
  };
  if (baggage.has('list')) start(baggage.get('list'));

  return makeDefaultExo('aisles', {
    /** Begins to work on what it is granted. */
    async start(share: ERef<Annotated>) {
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
