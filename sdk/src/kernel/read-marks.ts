/**
 * Reads and versions: what live queries stand on.
 *
 * A session or a peer may mark a call as a read. The mark is inherited by all that the call causes: messages bear it, and the
 * promises of their results, by which a vat that waits for one is woken. So the kernel knows which vats an answer
 * touched. A vat's version rises with every crank that is not marked. Memory only: after a restart versions begin anew,
 * and hosts tell their clients so.
 *
 * A read goes on at a peer: what it touched there is a watch of that peer's, `r1.7` beside the `v1` of vats, whose version
 * rises when the peer says that it has changed. A mark of a peer's, `r1.kp40`, is not believed: a crank of it that does more than
 * read is none, for everybody but that peer.
 */
import { UNWATCHED } from '../protocol/peer-wire.js';
import {
  isPromiseKRef,
  isVatEndpoint,
  type EndpointId,
  type KRef,
  type VatId,
  type VRef,
} from '../protocol/refs.js';
import type { CrankResult, Syscall } from '../protocol/vat-wire.js';
import type { CLists } from './clists.js';
import type { InFlight } from './crank.js';
import type { KernelEffect } from './events.js';
import type { KernelRows, PromiseRow, ReadMark } from './rows.js';
import type { Watches } from './watches.js';

/** A vat, or a watch of a peer's: `v1`, `r1.7`. */
type Source = string;
type Touched = { [source: Source]: number };

export function makeReadMarks(
  rows: KernelRows,
  clists: CLists,
  watches: Watches,
  emit: (effect: KernelEffect) => void,
) {
  const versions = new Map<Source, number>();
  /** By mark, what it reached, with the versions when it did first. */
  const reads = new Map<ReadMark, Touched>();
  /** What some answer to a session has touched. */
  const touchedEver = new Set<Source>();
  /** By peer, its watches that reads touched and of which it has said nothing since. */
  const heard = new Map<EndpointId, Set<Source>>();
  /** Of the crank that is being applied; and of that part of it which is. */
  let own: ReadMark | undefined;
  let current: ReadMark | undefined;

  const versionOf = (source: Source): number => versions.get(source) ?? 0;

  /** How it stands now, where that is another than it was at `version`. */
  const risenSince = (source: Source, version: number): number | undefined => {
    const isGone = isVatEndpoint(source)
      ? !rows.vats.has(source)
      : !rows.remotes.has(remoteOf(source));
    const now = isGone ? version + 1 : versionOf(source);
    return now > version ? now : undefined;
  };

  const raise = (source: Source): void => {
    const version = versionOf(source) + 1;
    versions.set(source, version);
    if (touchedEver.has(source)) emit({ type: 'vat-version', vatId: source, version });
  };

  const isBookkeeping = ({ type }: Syscall): boolean =>
    type === 'drop-imports' || type === 'retire-imports' || type === 'retire-exports';

  /** The one read that everything in here belongs to, if it is only the end of what reads had begun. */
  const markOfTurn = (vatId: VatId, result: CrankResult): ReadMark | undefined => {
    let mark: ReadMark | undefined;
    if (result.writes.length > 0) return undefined;
    for (const syscall of [...result.prior, ...result.own]) {
      if (isBookkeeping(syscall)) continue;
      if (syscall.type !== 'resolve') return undefined;
      for (const { vpid } of syscall.resolutions) {
        const promise = promiseOf(vatId, vpid);
        if (promise?.mark === undefined) return undefined;
        mark = promise.mark;
      }
    }
    return mark;
  };

  const promiseOf = (vatId: VatId, vpid: VRef): PromiseRow | undefined => {
    const kref = rows.clistByVRef.get(`${vatId}.${vpid}`);
    return kref !== undefined && isPromiseKRef(kref) ? rows.promises.get(kref) : undefined;
  };

  /** As far as can be seen: it writes nothing, and settles nothing but what belongs to the read, or is new. */
  const isReadOnly = (vatId: VatId, mark: ReadMark, { own, writes }: CrankResult): boolean =>
    writes.length === 0 &&
    own.every((syscall) => {
      if (syscall.type === 'resolve') {
        return syscall.resolutions.every(({ vpid }) => {
          const promise = promiseOf(vatId, vpid);
          return promise === undefined || promise.mark === mark;
        });
      }
      return syscall.type === 'send' || syscall.type === 'subscribe' || isBookkeeping(syscall);
    });

  const isIdle = (result: CrankResult): boolean =>
    result.writes.length === 0 && [...result.prior, ...result.own].every(isBookkeeping);

  const takeRead = (mark: ReadMark): Touched | undefined => {
    const touched = reads.get(mark);
    reads.delete(mark);
    return touched;
  };

  const touch = (mark: ReadMark | undefined, source: Source): void => {
    const touched = mark === undefined ? undefined : reads.get(mark);
    if (touched !== undefined) touched[source] ??= versionOf(source);
  };

  return {
    /** The read that what is being applied belongs to. */
    current: (): ReadMark | undefined => current,

    begin: (mark: ReadMark): void => void reads.set(mark, {}),

    /** A crank's result is about to be applied, of which `work` is the application. */
    within<T>(vatId: VatId, inFlight: InFlight, result: CrankResult, work: () => T): T {
      const { type } = inFlight;
      const mark = inFlight.mark ?? (type === 'turn' ? markOfTurn(vatId, result) : undefined);
      const by = mark === undefined ? undefined : peerOf(mark);
      const isRead = mark !== undefined && (by === undefined || isReadOnly(vatId, mark, result));
      const isWork = type === 'message' || type === 'notify' || type === 'start';
      // What the vat did before it read the delivery is not the delivery's doing.
      const didOther = type !== 'turn' && !result.prior.every(isBookkeeping);
      const isChange = didOther || (!isRead && (isWork || !isIdle(result)));
      if (isChange) raise(vatId);
      touch(mark, vatId);
      own = mark;
      try {
        const done = work();
        if (isChange) watches.changed(vatId, didOther ? undefined : by);
        return done;
      } finally {
        own = undefined;
        current = undefined;
      }
    },

    /** Within a crank: what was done before it is applied, and its own is next. */
    beginOwn(): void {
      current = own;
    },

    /** Something may be different in the vat now. */
    rise(vatId: VatId): void {
      raise(vatId);
      watches.changed(vatId);
    },

    gone(vatId: VatId): void {
      this.rise(vatId);
      for (const all of [versions, touchedEver]) all.delete(vatId);
    },

    /** Of the result of a session's read: what it touched. To be asked once. */
    answered(result: KRef): Touched | undefined {
      const touched = takeRead(result);
      for (const [source, version] of Object.entries(touched ?? {})) {
        if (isVatEndpoint(source) && !rows.vats.has(source)) continue;
        touchedEver.add(source);
        // It rose while the read went on elsewhere, and who asked was not told.
        const risen = risenSince(source, version);
        if (risen !== undefined) emit({ type: 'vat-version', vatId: source, version: risen });
      }
      return touched;
    },

    /** The same of a peer's, for which it is told the number of a watch; undefined where it has asked for none. */
    answeredAt(remote: EndpointId, result: KRef): number | undefined {
      const mark = markOf(remote, result);
      const touched = takeRead(mark);
      if (touched === undefined)
        // It began before a restart: nobody knows what it touched.
        return rows.promises.get(result)?.mark === mark ? UNWATCHED : undefined;
      const sources = Object.entries(touched);
      if (sources.length === 0) return undefined;
      const isOver = sources.some(([source, version]) => risenSince(source, version) !== undefined);
      return watches.set(remote, Object.keys(touched), isOver);
    },

    /** A peer has settled a promise with a watch on what it touched there. */
    heard(remote: EndpointId, promise: PromiseRow, watch: number): void {
      const source = `${remote}.${watch}`;
      touch(promise.mark, source);
      if (watch === UNWATCHED) raise(source);
      else provideHeard(remote).add(source);
    },

    /** A peer says that what it watches has changed. What it says twice without an answer in between is said once. */
    changedAt(remote: EndpointId, numbers: readonly number[]): void {
      for (const number of numbers) {
        const source = `${remote}.${number}`;
        if (!heard.get(remote)?.delete(source)) continue;
        raise(source);
        watches.changed(source);
      }
    },

    /** There is another link to the peer: neither side knows what the other has missed. */
    relinked(remote: EndpointId): void {
      for (const source of heard.get(remote) ?? []) {
        raise(source);
        watches.changed(source);
      }
      heard.delete(remote);
    },

    /** There is no conversation with the peer any more. */
    ended(remote: EndpointId): void {
      this.relinked(remote);
      watches.forget(remote);
      for (const all of [versions, touchedEver])
        for (const source of all.keys()) if (remoteOf(source) === remote) all.delete(source);
      this.prune();
    },

    /** Forgets reads whose results nobody waits for any more. */
    prune(): void {
      for (const mark of reads.keys()) if (!rows.promises.has(resultOf(mark))) reads.delete(mark);
    },

    /** The promise is no more. With that of its result a read goes, told or not. */
    promiseGone(kref: KRef, mark: ReadMark): void {
      if (resultOf(mark) === kref) reads.delete(mark);
    },

    /** Reads whose answers nobody has been told. */
    underWay: (): number => reads.size,

    /** The mark of what a vat is given. */
    ofPromise: (kref: KRef): ReadMark | undefined => rows.promises.get(kref)?.mark,

    /** The result of a message that bears a mark. */
    stamp(result: KRef, mark: ReadMark): void {
      rows.promises.set(result, { ...rows.promises.getRequired(result), mark });
    },
  };

  function provideHeard(remote: EndpointId): Set<Source> {
    let sources = heard.get(remote);
    if (sources === undefined) heard.set(remote, (sources = new Set()));
    return sources;
  }
}

/** A peer's mark, by the result of the call that it marked. */
export const markOf = (remote: EndpointId, result: KRef): ReadMark => `${remote}.${result}`;

const resultOf = (mark: ReadMark): KRef => mark.slice(mark.indexOf('.') + 1);

/** Whose mark it is, if it is a peer's. */
const peerOf = (mark: ReadMark): EndpointId | undefined =>
  mark.includes('.') ? remoteOf(mark) : undefined;

/** Of a peer's mark, or of a watch of its: the peer. */
const remoteOf = (name: string): EndpointId => name.slice(0, name.indexOf('.'));

export type ReadMarks = ReturnType<typeof makeReadMarks>;
