/** The lists of one person: their own, and those that others share with them. */
import { E, makeDefaultExo, prepareTopic, type Baggage, type ERef } from '@vatkit/sdk/vat';
import { bounds, insistRoom, insistText } from './bounds.js';
import { makeChanges } from './changes.js';
import { prepareJoinedLists, type Source } from './joined-lists.js';
import { prepareOwnLists } from './own-lists.js';
import type { ListSummary, SavedList } from './types.js';

/** Lists that last, and can be shared. */
export function buildRootObject(_powers: unknown, _parameters: unknown, baggage: Baggage) {
  const { publisher, subscriber } = prepareTopic<ListSummary[]>(baggage, 'overview');
  const changes = makeChanges();
  const onChange = (): void => publisher.publish(overview());
  const ownerName = (): string => baggage.get('name');
  const makeOwnList = prepareOwnLists(baggage, { changes, ownerName, onChange });
  const makeJoinedList = prepareJoinedLists(baggage, { changes, onChange });
  type Own = ReturnType<typeof makeOwnList>;
  type Joined = ReturnType<typeof makeJoinedList>;

  const own = (): Own[] => baggage.get('own');
  const joined = (): Joined[] => baggage.get('joined');

  function overview(): ListSummary[] {
    const ours = own().map(({ owner, core }): ListSummary => {
      const { title, items } = owner.view();
      return {
        id: core.key(),
        title,
        mode: 'own',
        from: '',
        open: items.filter(({ done }) => !done).length,
        total: items.length,
        people: owner.shares().filter(({ plugin }) => plugin === '').length,
        connection: 'live',
      };
    });
    const others = joined().map(({ guest, core }): ListSummary => {
      const { title, items, mode, from, connection } = guest.view();
      const open = items.filter(({ done }) => !done).length;
      return {
        ...{ id: core.id(), title, mode, from, open },
        ...{ total: items.length, people: 0, connection },
      };
    });
    return [...ours, ...others];
  }

  const nextId = (): string => {
    const id = (baggage.get('lastId') as number) + 1;
    baggage.set('lastId', id);
    return `list-${id}`;
  };

  const make = (title: string, saved: SavedList['items'] = []) => {
    insistRoom('lists', own().length + joined().length, bounds.listsMax);
    const made = makeOwnList(nextId(), insistText('The title', title, bounds.nameMax), saved);
    baggage.set('own', [...own(), made]);
    onChange();
    return made.owner;
  };

  if (!baggage.has('own')) {
    baggage.init('name', 'Somebody');
    baggage.init('phrase', '');
    baggage.init('lastId', 0);
    baggage.init('own', []);
    baggage.init('joined', []);
    publisher.publish([]);
  }
  for (const { core } of joined()) core.follow();

  return makeDefaultExo('lists', {
    /**
     * The name that guests see.
     * @query
     */
    name: () => ownerName(),
    introduce(name: string) {
      baggage.set('name', insistText('Your name', name, bounds.nameMax));
      for (const { core } of own()) core.touch();
    },
    /**
     * The recovery phrase of this person, for their own eyes.
     * @query
     */
    phrase: (): string => baggage.get('phrase'),
    keepPhrase(phrase: string) {
      baggage.set('phrase', insistText('The phrase', phrase, bounds.textMax));
    },
    /**
     * All lists, in short, as they change.
     * @live
     */
    watch: () => subscriber,
    /** Makes a list of one's own. */
    create: (title: string) => make(title),
    /**
     * A list of one's own.
     * @query
     */
    own(id: string) {
      const found = own().find(({ core }) => core.key() === id);
      if (found === undefined) throw Error('There is no such list any more');
      return found.owner;
    },
    /**
     * Somebody else's list.
     * @query
     */
    joined(id: string) {
      const found = joined().find(({ core }) => core.id() === id);
      if (found === undefined) throw Error('There is no such list any more');
      return found.guest;
    },
    /** Keeps a share of somebody else's list, and follows it. Gives its id. */
    async join(share: ERef<Source>): Promise<string> {
      const source = await share;
      const known = joined().find(({ core }) => core.isShareOf(source));
      if (known !== undefined) {
        known.core.follow();
        return known.core.id();
      }
      insistRoom('lists', own().length + joined().length, bounds.listsMax);
      const { title, mode, from } = await E(source).about();
      if (mode !== 'read' && mode !== 'edit') throw TypeError('This is no list for a person');
      const about = {
        title: insistText('The title', title, bounds.nameMax),
        mode,
        from: insistText('The name', from, bounds.nameMax),
      };
      const made = makeJoinedList(nextId(), source, about);
      baggage.set('joined', [...joined(), made]);
      made.core.follow();
      return made.core.id();
    },
    /** Forgets a list. Shares of one's own are taken back first. */
    forget(id: string) {
      const gone = own().find(({ core }) => core.key() === id);
      for (const share of gone?.owner.shares() ?? []) gone?.owner.revoke(share.id);
      baggage.set(
        'own',
        own().filter(({ core }) => core.key() !== id),
      );
      baggage.set(
        'joined',
        joined().filter(({ core }) => core.id() !== id),
      );
      onChange();
    },
    /**
     * What a backup file keeps of one's own lists.
     * @query
     */
    save: (): SavedList[] =>
      own().map(({ owner }) => {
        const { title, items } = owner.view();
        return { title, items: items.map(({ text, done, note }) => ({ text, done, note })) };
      }),
    /** Adds the lists of a backup file. */
    restore(saved: SavedList[]) {
      for (const { title, items } of saved) make(title, items.map(insistItem));
    },
  });
}

function insistItem({ text, done, note }: SavedList['items'][number]): SavedList['items'][number] {
  return {
    text: insistText('An item', text, bounds.textMax),
    done: done === true,
    note: note === '' ? '' : insistText('A note', note, bounds.nameMax),
  };
}
