/**
 * Lists of other people, held by a share. Each has a copy of what was last seen, so that it can be read without a
 * connection; changes go to the owner's kernel, which has the last word.
 */
import { E, iterate, prepareExoClassKit, type Baggage, type Subscriber } from '@vatkit/sdk/vat';
import type { Changes } from './changes.js';
import { bounds, insistText } from './bounds.js';
import type { About, Connection, Item, JoinedView, Mode, ShareView } from './types.js';

/** A share, as it comes from another kernel. */
export type Source = {
  about(): About;
  watch(): Subscriber<ShareView>;
};

/** What a share that is to look at refuses. */
export type Editable = Source & {
  add(text: string): void;
  edit(id: string, text: string): void;
  check(id: string, done: boolean): void;
  remove(id: string): void;
};

type State = {
  id: string;
  source: Source;
  title: string;
  mode: Mode;
  from: string;
  items: Item[];
  version: number;
  connection: Connection;
  reason: string;
};

/** What another kernel tells may be anything. */
function insistItems(items: unknown): Item[] {
  if (!Array.isArray(items) || items.length > bounds.itemsMax)
    throw TypeError('This list is none that Tandem can show');
  return items.map(({ id, text, done, by, note }: Partial<Item>) => ({
    id: insistText('The id', id, bounds.nameMax),
    text: insistText('An item', text, bounds.textMax),
    done: done === true,
    by: insistText('The name', by, bounds.nameMax),
    note: note === '' ? '' : insistText('A note', note, bounds.nameMax),
  }));
}

type Update = { value: JoinedView; count: number; done: boolean };

export function prepareJoinedLists(
  baggage: Baggage,
  { changes, onChange }: { changes: Changes; onChange(): void },
) {
  /** How many changes of each list are under way. Those of an earlier incarnation have an answer. */
  const waiting = new Map<string, number>();
  const following = new Set<string>();

  return prepareExoClassKit(
    baggage,
    'Joined',
    undefined,
    (id: string, source: Source, { title, mode, from }: About): State => ({
      id,
      source,
      title,
      mode,
      from,
      items: [],
      version: 1,
      connection: 'connecting',
      reason: '',
    }),
    {
      /** Somebody else's list. */
      guest: {
        /**
         * The list as it was last seen.
         * @query
         */
        view(): JoinedView {
          const { id, title, mode, from, items, connection, reason } = this.state;
          return {
            ...{ title, mode, from, items, connection, reason },
            waiting: waiting.get(id) ?? 0,
          };
        },
        /**
         * The list as it changes.
         * @live
         */
        watch(): Subscriber<JoinedView> {
          return this.facets.feed;
        },
        /** Asks its owner again, if it is not live. */
        reconnect(): void {
          this.facets.core.follow();
        },
        async add(text: string): Promise<void> {
          await this.facets.core.change(E(this.state.source as Editable).add(text));
        },
        async edit(id: string, text: string): Promise<void> {
          await this.facets.core.change(E(this.state.source as Editable).edit(id, text));
        },
        async check(id: string, done: boolean): Promise<void> {
          await this.facets.core.change(E(this.state.source as Editable).check(id, done));
        },
        async remove(id: string): Promise<void> {
          await this.facets.core.change(E(this.state.source as Editable).remove(id));
        },
      },
      feed: {
        async getUpdate(after?: number): Promise<Update> {
          for (;;) {
            const { version: count } = this.state;
            if (count !== after) return { value: this.facets.guest.view(), count, done: false };
            await changes.next(this.state.id);
          }
        },
      },
      /** It never leaves the vat. */
      core: {
        id(): string {
          return this.state.id;
        },
        isShareOf(source: Source): boolean {
          return this.state.source === source;
        },
        touch(): void {
          this.state.version += 1;
          changes.tell(this.state.id);
          onChange();
        },
        async change(done: Promise<void>): Promise<void> {
          const { id } = this.state;
          const count = (by: number): void => {
            waiting.set(id, (waiting.get(id) ?? 0) + by);
            this.facets.core.touch();
          };
          count(1);
          try {
            await done;
          } finally {
            count(-1);
          }
        },
        becomes(connection: Connection, reason = ''): void {
          this.state.connection = connection;
          this.state.reason = reason;
          this.facets.core.touch();
        },
        /** Follows what the owner's kernel tells, until it ends. */
        follow(): void {
          const { id } = this.state;
          if (following.has(id) || this.state.connection === 'revoked') return;
          following.add(id);
          // Who is lost stays so until it answers: it is asked again and again.
          if (this.state.connection !== 'lost') this.facets.core.becomes('connecting');
          const followed = async (): Promise<void> => {
            for await (const view of iterate<ShareView>(E(this.state.source).watch())) {
              this.state.title = insistText('The title', view.title, bounds.nameMax);
              this.state.from = insistText('The name', view.from, bounds.nameMax);
              this.state.items = insistItems(view.items);
              this.facets.core.becomes('live');
            }
          };
          followed().then(
            () => {
              following.delete(id);
              this.facets.core.becomes('revoked');
            },
            (error: Error) => {
              following.delete(id);
              this.facets.core.becomes('lost', error.message);
            },
          );
        },
      },
    },
  );
}
