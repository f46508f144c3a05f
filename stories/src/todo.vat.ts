/** What the stories of the hooks look at. */
import { makeDefaultExo, prepareTopic, type Baggage } from '@vatkit/sdk/vat';

export function buildRootObject(_powers: unknown, _parameters: unknown, baggage: Baggage) {
  const { publisher, subscriber } = prepareTopic<number>(baggage, 'count');
  const items = (): string[] => baggage.get('items');
  if (!baggage.has('items')) {
    baggage.init('items', []);
    publisher.publish(0);
  }
  return makeDefaultExo('todo', {
    /**
     * What there is to do.
     * @query
     */
    list: (): string[] => items(),
    /** Adds one thing, and tells how many there are. */
    add(text: string): number {
      if (text.trim() === '') throw Error('There is nothing to add');
      baggage.set('items', [...items(), text]);
      publisher.publish(items().length);
      return items().length;
    },
    /**
     * How many there are, as it changes.
     * @live
     */
    count: () => subscriber,
  });
}
