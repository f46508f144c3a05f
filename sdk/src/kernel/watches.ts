/**
 * Watches: how peers come to know that what they have read is out of date.
 *
 * An answer to a peer's read bears the number of a watch on all that it touched. When any of that has changed the peer is
 * told the number, once, and the watch is over. So a peer that asks no more is told no more, and nobody counts for it.
 * A number says nothing of what is watched, nor of how much. Memory only: a watch lasts as long as the link on which the peer
 * was told of it.
 */
import { watchesMax } from '../protocol/peer-wire.js';
import type { EndpointId } from '../protocol/refs.js';

type Watch = {
  remote: EndpointId;
  number: number;
  /** What it is on, and what it was made for, by which answers that touched the same find it. */
  sources: Set<string>;
  name: string;
};

/** Of one peer. */
type Book = { byName: Map<string, Watch>; free: number[]; made: number; last?: Watch };

export function makeWatches() {
  const books = new Map<EndpointId, Book>();
  const bySource = new Map<string, Set<Watch>>();
  /** What peers are yet to be told. */
  const fired = new Map<EndpointId, Set<number>>();

  const bookOf = (remote: EndpointId): Book => {
    let book = books.get(remote);
    if (book === undefined) books.set(remote, (book = { byName: new Map(), free: [], made: 0 }));
    return book;
  };

  /** With all numbers in use, one watch is on more than its answers touched: it may fire too often, and never too rarely. */
  const provide = (remote: EndpointId, book: Book, name: string): Watch => {
    if (book.last !== undefined && book.free.length === 0 && book.made >= watchesMax)
      return book.last;
    const number = book.free.pop() ?? (book.made += 1);
    const watch = { remote, number, sources: new Set<string>(), name };
    book.byName.set(name, watch);
    return (book.last = watch);
  };

  const add = (watch: Watch, source: string): void => {
    watch.sources.add(source);
    const all = bySource.get(source);
    if (all === undefined) bySource.set(source, new Set([watch]));
    else all.add(watch);
  };

  const remove = (watch: Watch): void => {
    for (const source of watch.sources) {
      const all = bySource.get(source);
      all?.delete(watch);
      if (all?.size === 0) bySource.delete(source);
    }
  };

  const fire = (watch: Watch): void => {
    const { remote, number } = watch;
    const book = bookOf(remote);
    remove(watch);
    book.byName.delete(watch.name);
    if (book.last === watch) delete book.last;
    book.free.push(number);
    const told = fired.get(remote);
    if (told === undefined) fired.set(remote, new Set([number]));
    else told.add(number);
  };

  return {
    /** The number of a watch on these. `isOver`: some of them have changed already. */
    set(remote: EndpointId, sources: readonly string[], isOver: boolean): number {
      const book = bookOf(remote);
      const name = [...sources].sort().join(' ');
      let watch = book.byName.get(name);
      if (watch === undefined) {
        watch = provide(remote, book, name);
        for (const source of sources) add(watch, source);
      }
      if (isOver) fire(watch);
      return watch.number;
    },

    /** It has changed. @param by - the peer whose read changed it, and which is not told of that. */
    changed(source: string, by?: EndpointId): void {
      for (const watch of bySource.get(source) ?? []) if (watch.remote !== by) fire(watch);
    },

    /** The link on which the peer was told of its watches is gone. */
    forget(remote: EndpointId): void {
      for (const watch of books.get(remote)?.byName.values() ?? []) remove(watch);
      books.delete(remote);
      fired.delete(remote);
    },

    /** Peers that have yet to be told something, counted. */
    untold: (): number => fired.size,

    /** What peers are to be told now. */
    take(): [remote: EndpointId, numbers: number[]][] {
      const told = [...fired].map(([remote, numbers]): [EndpointId, number[]] => [
        remote,
        [...numbers],
      ]);
      fired.clear();
      return told;
    },
  };
}

export type Watches = ReturnType<typeof makeWatches>;
