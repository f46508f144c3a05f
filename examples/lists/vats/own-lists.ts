/**
 * Lists of one's own, and the shares of them that others hold.
 *
 * A share is an object that was made for one person or plug-in. It can do what its facet has methods for, knows whom it
 * was made for, and does nothing any more once its owner has taken it back. That holds for whoever it was passed on to.
 */
import { prepareExoClassKit, type Baggage, type Subscriber } from '@vatkit/sdk/vat';
import { bounds, insistRoom, insistText } from './bounds.js';
import type { Changes } from './changes.js';
import type { About, ListView, Mode, SavedList, ShareInfo, ShareView } from './types.js';

type StoredItem = { id: number; text: string; done: boolean; by: string; note: string };

/** A list, as its shares have it. */
type Core = {
  key(): string;
  title(): string;
  version(): number;
  view(viewer: string): ListView;
  touch(): void;
  add(text: string, by: string): void;
  edit(id: string, text: string): void;
  check(id: string, done: boolean): void;
  annotate(id: string, note: string): void;
  remove(id: string): void;
};

/** A share, as its list has it. */
type Control = {
  about(): About;
  view(): ShareView;
  info(): ShareInfo;
  keepLink(link: string): void;
  revoke(): void;
};

type Looking = { facets: { control: Control; feed: object } };

type Update<View> = { value: View; count: number; done: boolean };

/** What a list needs of the vat that it lives in. */
export type Household = {
  changes: Changes;
  /** The owner's name, as guests see it. */
  ownerName(): string;
  /** A list has changed in what the overview tells of it. */
  onChange(): void;
};

/** Items of the owner have no name. */
const OWNER = '';

export function prepareOwnLists(baggage: Baggage, { changes, ownerName, onChange }: Household) {
  /** What every share can do. */
  const looking = {
    /**
     * Whose list it is, and what may be done with it.
     * @query
     */
    about(this: Looking): About {
      return this.facets.control.about();
    },
    /**
     * The list as it is now.
     * @query
     */
    view(this: Looking): ShareView {
      return this.facets.control.view();
    },
    /**
     * The list as it changes; it ends when the share is taken back.
     * @live
     */
    watch(this: Looking): Subscriber<ShareView> {
      return this.facets.feed as unknown as Subscriber<ShareView>;
    },
  };

  const makeShare = prepareExoClassKit(
    baggage,
    'Share',
    undefined,
    (core: Core, id: number, to: string, mode: Mode, plugin: string) => ({
      core,
      id,
      to,
      mode,
      plugin,
      link: '',
      opened: false,
      revoked: false,
    }),
    {
      /** A list that others may look at. */
      reader: {
        ...looking,
      },
      /** A list that others may change. */
      editor: {
        ...looking,
        add(text: string): void {
          this.facets.control.open().add(text, this.state.to);
        },
        edit(id: string, text: string): void {
          this.facets.control.open().edit(id, text);
        },
        check(id: string, done: boolean): void {
          this.facets.control.open().check(id, done);
        },
        remove(id: string): void {
          this.facets.control.open().remove(id);
        },
      },
      /** A list that a plug-in may read, and write notes beside. */
      annotator: {
        ...looking,
        /** Writes a note beside an item; an empty one takes it away. */
        annotate(id: string, note: string): void {
          this.facets.control.open().annotate(id, note);
        },
      },
      feed: {
        async getUpdate(after?: number): Promise<Update<ShareView | null>> {
          for (;;) {
            const core = this.state.core;
            const count = core.version();
            if (this.state.revoked) return { value: null, count, done: true };
            if (count !== after) return { value: this.facets.control.view(), count, done: false };
            await changes.next(core.key());
          }
        },
      },
      /** The owner's side; it never leaves the vat. */
      control: {
        /** The list. @throws Error where the share was taken back. */
        open(): Core {
          const core = this.state.core;
          if (this.state.revoked) throw Error(`This share of “${core.title()}” was taken back`);
          if (!this.state.opened) {
            this.state.opened = true;
            core.touch();
          }
          return core;
        },
        about(): About {
          const title = this.facets.control.open().title();
          return { title, mode: this.state.mode, from: ownerName() };
        },
        view(): ShareView {
          return { ...this.facets.control.open().view(this.state.to), from: ownerName() };
        },
        info(): ShareInfo {
          const { id, to, mode, opened, link, plugin } = this.state;
          return { id: String(id), to, mode, opened, link, plugin };
        },
        /** For the owner alone: who has the link has the share. */
        keepLink(link: string): void {
          this.state.link = link;
        },
        revoke(): void {
          this.state.revoked = true;
          this.state.link = '';
        },
      },
    },
  );

  const makeList = prepareExoClassKit(
    baggage,
    'List',
    undefined,
    (id: string, title: string, saved: SavedList['items'] = []) => ({
      id,
      title,
      items: saved.map(({ text, done, note }, at) => ({ id: at + 1, text, done, by: OWNER, note })),
      version: 1,
      lastItem: saved.length,
      lastShare: 0,
      shares: [] as Control[],
    }),
    {
      /** A list of one's own. */
      owner: {
        /**
         * What the overview calls it.
         * @query
         */
        id(): string {
          return this.state.id;
        },
        /**
         * The list as it is now.
         * @query
         */
        view(): ListView {
          return this.facets.core.view(OWNER);
        },
        /**
         * The list as it changes.
         * @live
         */
        watch(): Subscriber<ListView> {
          return this.facets.feed;
        },
        rename(title: string): void {
          this.state.title = insistText('The title', title, bounds.nameMax);
          this.facets.core.touch();
        },
        add(text: string): void {
          this.facets.core.add(text, OWNER);
        },
        edit(id: string, text: string): void {
          this.facets.core.edit(id, text);
        },
        check(id: string, done: boolean): void {
          this.facets.core.check(id, done);
        },
        remove(id: string): void {
          this.facets.core.remove(id);
        },
        /** Removes what is done. */
        clearDone(): void {
          this.state.items = this.state.items.filter(({ done }) => !done);
          this.facets.core.touch();
        },
        /**
         * Who has a share of it.
         * @query
         */
        shares(): ShareInfo[] {
          return this.state.shares.map((share) => share.info());
        },
        /** A share for a person, who may look. */
        shareToRead(to: string) {
          return this.facets.core.share(to, 'read', '').reader;
        },
        /** A share for a person, who may change it. */
        shareToEdit(to: string) {
          return this.facets.core.share(to, 'edit', '').editor;
        },
        /** A share for a plug-in, which may look. */
        grantToRead(plugin: string, subcluster: string) {
          return this.facets.core.share(plugin, 'read', subcluster).reader;
        },
        /** A share for a plug-in, which may look and write notes. */
        grantToAnnotate(plugin: string, subcluster: string) {
          return this.facets.core.share(plugin, 'annotate', subcluster).annotator;
        },
        /** Remembers the ocap URL of a share, so that it can be shown again. */
        keepLink(id: string, link: string): void {
          this.facets.core.shareOf(id).keepLink(link);
        },
        /** Takes a share back. Who holds it, and all to whom it was passed on, can do nothing with it. */
        revoke(id: string): void {
          const share = this.facets.core.shareOf(id);
          share.revoke();
          this.state.shares = this.state.shares.filter((each) => each !== share);
          this.facets.core.touch();
        },
      },
      feed: {
        async getUpdate(after?: number): Promise<Update<ListView>> {
          for (;;) {
            const { version: count } = this.state;
            if (count !== after) return { value: this.facets.owner.view(), count, done: false };
            await changes.next(this.facets.core.key());
          }
        },
      },
      /** What shares do; it never leaves the vat. */
      core: {
        key(): string {
          return this.state.id;
        },
        title(): string {
          return this.state.title;
        },
        version(): number {
          return this.state.version;
        },
        /** @param viewer - whose own items are theirs. */
        view(viewer: string): ListView {
          const items = this.state.items.map(({ id, by, ...item }) => ({
            ...item,
            id: String(id),
            by: by === viewer ? 'You' : by === OWNER ? ownerName() : by,
          }));
          return { title: this.state.title, items };
        },
        /** Tells all who watch. */
        touch(): void {
          this.state.version += 1;
          changes.tell(this.state.id);
          onChange();
        },
        add(text: string, by: string): void {
          insistRoom('items', this.state.items.length, bounds.itemsMax);
          const own = insistText('An item', text, bounds.textMax);
          const id = this.state.lastItem + 1;
          this.state.lastItem = id;
          this.state.items = [...this.state.items, { id, text: own, done: false, by, note: '' }];
          this.facets.core.touch();
        },
        change(id: string, part: Partial<StoredItem>): void {
          if (!this.state.items.some((item) => String(item.id) === id))
            throw Error('This item is not in the list any more');
          this.state.items = this.state.items.map((item) =>
            String(item.id) === id ? { ...item, ...part } : item,
          );
          this.facets.core.touch();
        },
        edit(id: string, text: string): void {
          this.facets.core.change(id, { text: insistText('An item', text, bounds.textMax) });
        },
        check(id: string, done: boolean): void {
          this.facets.core.change(id, { done: done === true });
        },
        annotate(id: string, note: string): void {
          const own = note === '' ? '' : insistText('A note', note, bounds.nameMax);
          this.facets.core.change(id, { note: own });
        },
        remove(id: string): void {
          this.state.items = this.state.items.filter((item) => String(item.id) !== id);
          this.facets.core.touch();
        },
        share(to: string, mode: Mode, plugin: string): ReturnType<typeof makeShare> {
          insistRoom('shares', this.state.shares.length, bounds.sharesMax);
          const name = insistText('The name', to, bounds.nameMax);
          const id = this.state.lastShare + 1;
          this.state.lastShare = id;
          const share = makeShare(this.facets.core, id, name, mode, plugin);
          this.state.shares = [...this.state.shares, share.control];
          this.facets.core.touch();
          return share;
        },
        shareOf(id: string): Control {
          const found = this.state.shares.find((share) => share.info().id === id);
          if (found === undefined) throw Error('This share was taken back already');
          return found;
        },
      },
    },
  );

  return makeList;
}
