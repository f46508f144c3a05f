/**
 * The kernel's part of the store: the one place that spells its keys.
 *
 *     n.<kind>              next number of a kind of id: vat subcluster object promise call
 *     o.<kref>              an object: owner, counts, revocation
 *     p.<kref>              a promise: open with decider and subscribers, or settled with its value
 *     c.<endpoint>.<kref>   c-list, kernel to endpoint: vref, reachable, durable count
 *     c.<endpoint>.<vref>   c-list, endpoint to kernel: kref
 *     i.<endpoint>          next vref numbers
 *     q.<target>            a run queue's head, tail and text; target is a vat, a session, a peer or an open promise
 *     q.<target>.<n>        its items
 *     qp.<endpoint>         what waits of an endpoint's messages that are charged to it, and how much text
 *     v.<vat>               a vat: config, incarnation, condition
 *     t.<vat>.<key>         a key of the vat's own state: its value and the slots that it holds
 *     d.<vat>               a terminated vat whose rows are being cleaned away
 *     s.<subcluster>        a subcluster
 *     m.<name>              the subcluster that was launched under a name
 *     b.<hash>              a bundle's content
 *     e.<name>              a kernel service: kref, systemOnly
 *     h.<endpoint>.<kref>   how often a host session or the host realm was handed a kref and has not released it
 *     l.<n>                 a call that the host realm has not answered
 *     r.<kref>              pins of a vat's root, counted
 *     g.<kref>              an object of the kernel realm: a forwarder, or its revoker
 *     x.<time>.<kref>       a forwarder that expires then, in 16 digits of milliseconds since 1970
 *     k.<session>           a client session
 *     f.<session>.<seq>     a frame that the session has not acknowledged
 *     y.<vat>.<shape>       names of methods: of the root, of a durable kind, of heap objects and those of peers by number
 *     a.store               what tells this store from others
 *     a.identity            the kernel's own key, and the peer id that is made of it
 *     j.<remote>            a remote peer: who it is, and what it has of the conversation with it
 *     f.<remote>.<seq>      a frame that it has not acknowledged
 *     w.<remote>.<vref>     a promise's name that it was told is settled, and may still use
 *     u.<number>            an ocap URL: the object that its number stands for
 *     z.<time>.<number>     an ocap URL that expires then
 */
import { insistInvariant } from '../errors.js';
import type { CapData } from '../protocol/capdata.js';
import type { ClusterConfig, VatConfig } from '../protocol/config.js';
import type { InterfaceInfo } from '../protocol/definition.js';
import type { EndpointId, KRef, SubclusterId, VatId, VRef } from '../protocol/refs.js';
import type { ChangeSet, Json } from '../store/change-set.js';
import type { VatStack } from './events.js';
import type { LateNameRow, RemoteFrameRow, RemoteRow } from './remote-rows.js';
import type { FrameRow, SessionRow } from './session-rows.js';

/** `owner` is null once the vat or session that exported the object is gone. */
export type ObjectRow = {
  owner: EndpointId | null;
  /** Holders that can send to it. */
  reach: number;
  /** Holders that can at least tell it from others. Never less than `reach`. */
  recog: number;
  revoked?: true;
  /** Its session has ended: whoever calls it hears so. */
  closed?: true;
  /** Of an object on a vat's heap, or of a peer's: the number of its shape. */
  shape?: number;
};

/** The names of an object's methods, and what its owner calls its interface. */
export type ShapeRow = { iface?: string; methods: readonly string[] };

export type PromiseRow = OpenPromiseRow | SettledPromiseRow;
export type OpenPromiseRow = {
  state: 'open';
  /** Who may settle it: a vat; null while the kernel itself decides, as for the result of a queued message. */
  decider: EndpointId | null;
  subs: readonly EndpointId[];
  refs: number;
  /** The read that its message belongs to. */
  mark?: ReadMark;
};
export type SettledPromiseRow = {
  state: 'fulfilled' | 'rejected';
  value: CapData<KRef>;
  stack?: VatStack;
  refs: number;
  mark?: ReadMark;
};

export type CListRow = {
  vref: VRef;
  /** Of an import: the endpoint can still use it. Of an export: somebody can still use it. */
  reach: boolean;
  /** Of an import: how often the vat's durable state holds it. */
  durable?: number;
  /** Of a client session or peer: mentions of an import that it has not given back; of an export that it has made. */
  mentions?: number;
  /** Of a promise: the session was told how it was settled. */
  told?: true;
  /** Of a promise: the peer is to settle it. */
  theirs?: true;
};

export type Message = {
  methargs: CapData<KRef>;
  result?: KRef;
  /** The read that it belongs to. */
  mark?: ReadMark;
  /** Its sender, to whom it is charged for as long as it waits: it has come, or may come, into a queue that is full. */
  payer?: EndpointId;
};

/** The result of the call that began a read: `kp40`, and `r1.kp40` where a peer has marked it. */
export type ReadMark = string;

export type QueueItem =
  | ({
      type: 'message';
      target: KRef;
      /** How often its delivery was begun. */
      attempts?: number;
    } & Message)
  | { type: 'notify'; promise: KRef };

/** `redeem`: what object has this ocap URL? */
export type PeerQueueItem = QueueItem | { type: 'redeem'; number: string; result: KRef };

/** `chars`: UTF-16 code units of the text of all that waits. */
export type QueueRow = { head: number; tail: number; chars: number };

/** Messages of one payer that wait, and UTF-16 code units of their text. */
export type ChargeRow = { count: number; chars: number };

export type VatRow = {
  name: string;
  subcluster: SubclusterId;
  config: VatConfig;
  bundleHash: string;
  root: KRef;
  incarnation: number;
  /** `launching` until its first start and its subcluster's bootstrap have succeeded. */
  condition: 'launching' | 'running' | 'broken';
  /** The incarnation has been begun and has not been ended in the store. */
  live: boolean;
  /** Incarnations in a row that ended by a fault. */
  failures: number;
  /** Why it is `broken`. */
  fault?: string;
};

export type StateRow = { value: string; slots?: readonly KRef[] };

export type SubclusterRow = {
  config: ClusterConfig;
  /** By name, in the order of the configuration. */
  vats: { readonly [name: string]: VatId };
  condition: 'launching' | 'running';
  system?: true;
  /** What it was launched as, if under a name. */
  name?: string;
  /** Of a launch by name: the hash of its definition, and those that it had before, newest first. */
  definition?: string;
  past?: readonly string[];
  /** The interface of its root and those that it leads to, where the definition told them. */
  interfaces?: readonly InterfaceInfo[];
};

export type ServiceRow = { kref: KRef; systemOnly: boolean };

/** `depth`: forwarders on the way to the object, itself included. `uses`: those that are left. */
export type CaveatRow =
  | {
      type: 'forwarder';
      target: KRef;
      depth: number;
      methods?: readonly string[];
      uses?: number;
      expiresAt?: number;
    }
  | { type: 'ended'; why: 'revoked' | 'expired' | 'used-up' }
  /** It names its forwarder and does not hold it. */
  | { type: 'revoker'; forwarder: KRef };
/** `uses`: times that it may still be redeemed. It holds its object. */
export type UrlRow = { kref: KRef; uses?: number; expiresAt?: number };

/** The seed of the kernel's key, in clear or locked with a passphrase. All in hexadecimal digits. */
export type IdentityRow = {
  peerId: string;
  keySeed?: string;
  locked?: { salt: string; iv: string; text: string; iterations: number };
};

/** Random texts, made with the store; the secret never leaves the host. */
export type StoreRow = { id: string; secret: string };

/** Of a session's admin object, which is no object of the kernel's: the arguments' references in place of `target`. */
export type HostCallRow = { target?: KRef; args?: readonly KRef[]; result?: KRef };

/**
 * The next number of an imported object and promise; the first that no export has; and what that was when the
 * present incarnation began: it may not name exports of its predecessors that it does not have.
 */
export type VRefNumbers = {
  object: number;
  promise: number;
  exports: number;
  incarnationExports: number;
};

type IdKind = 'vat' | 'subcluster' | 'object' | 'promise' | 'call' | 'session' | 'remote';
/** Ids of different kinds start at different numbers, so that a ko and a kp are never confused in a log. */
const firstIds: { [kind in IdKind]: number } = {
  vat: 1,
  subcluster: 1,
  object: 1,
  promise: 40,
  call: 1,
  session: 1,
  remote: 1,
};

/** What the keys of numbers begin with that must never fall. */
export const counterPrefix = 'n.';

export type RowsPolicy = {
  /** Numbers of promises that one row of the store covers. A restart skips what was left of them. */
  promiseBlock: number;
};

export const krefOrder = (a: string, b: string): number => numberOf(a) - numberOf(b);
const numberOf = (id: string): number => Number(/\d+/.exec(id)?.[0]);

/** Typed reading and writing of the kernel's rows. Rows are immutable: set a new one. */
export function makeKernelRows(changes: ChangeSet, { promiseBlock }: RowsPolicy) {
  const table = <Row>(prefix: string) => ({
    get: (id: string): Row | undefined => changes.get(prefix + id) as Row | undefined,
    getRequired: (id: string): Row => {
      const row = changes.get(prefix + id) as Row | undefined;
      insistInvariant(row !== undefined, `there is no row ${prefix}${id}`);
      return row;
    },
    has: (id: string): boolean => changes.get(prefix + id) !== undefined,
    set: (id: string, row: Row): void => changes.set(prefix + id, row as Json),
    /** Sets a row that is new. */
    insert: (id: string, row: Row): void => changes.insert(prefix + id, row as Json),
    /** As `get`, of a row that belongs to `kref`: what was named since the last commit is not in the store. */
    getOf: (kref: KRef, id: string): Row | undefined =>
      (isFresh(kref) ? changes.getPending(prefix + id) : changes.get(prefix + id)) as
        Row | undefined,
    delete: (id: string): void => changes.delete(prefix + id),
    /** Ids in the table that start with `start`. */
    ids: (start = '', limit?: number): string[] =>
      changes
        .keys(prefix + start, limit === undefined ? {} : { limit })
        .map((key) => key.slice(prefix.length)),
  });

  /** Krefs that were made since the last commit. */
  const fresh = new Set<KRef>();
  let freshSince = changes.commits;
  const isFresh = (kref: KRef): boolean => freshSince === changes.commits && fresh.has(kref);

  const vrefNumbers = table<VRefNumbers>('i.');
  const counters = table<number>(counterPrefix);
  /** Numbers of promises that are taken next, by who counts them. */
  const nextNumbers = new Map<string, number>();
  return {
    changes,
    objects: table<ObjectRow>('o.'),
    promises: table<PromiseRow>('p.'),
    clistByKRef: table<CListRow>('c.'),
    clistByVRef: table<KRef>('c.'),
    vrefNumbers,
    queues: table<QueueRow>('q.'),
    queueItems: table<QueueItem>('q.'),
    peerQueueItems: table<PeerQueueItem>('q.'),
    charges: table<ChargeRow>('qp.'),
    vats: table<VatRow>('v.'),
    state: table<StateRow>('t.'),
    dead: table<true>('d.'),
    subclusters: table<SubclusterRow>('s.'),
    names: table<SubclusterId>('m.'),
    bundles: table<string>('b.'),
    services: table<ServiceRow>('e.'),
    holds: table<number>('h.'),
    calls: table<HostCallRow>('l.'),
    pins: table<number>('r.'),
    caveats: table<CaveatRow>('g.'),
    expiries: table<true>('x.'),
    sessions: table<SessionRow>('k.'),
    frames: table<FrameRow>('f.'),
    remotes: table<RemoteRow>('j.'),
    remoteFrames: table<RemoteFrameRow>('f.'),
    lateNames: table<LateNameRow>('w.'),
    shapes: table<ShapeRow>('y.'),
    store: table<StoreRow>('a.'),
    identity: table<IdentityRow>('a.'),
    urls: table<UrlRow>('u.'),
    urlExpiries: table<true>('z.'),

    /** The next number of a kind of id. None is ever given twice. */
    nextId(kind: IdKind): number {
      const next = counters.get(kind) ?? firstIds[kind];
      counters.set(kind, next + 1);
      return next;
    },

    /** A number that is higher than all that it gave before, and at least so high. */
    raiseEpoch(least: number): number {
      const epoch = Math.max(least, (counters.get('epoch') ?? 0) + 1);
      counters.set('epoch', epoch);
      return epoch;
    },

    /** As `nextId`. Numbers of promises, which come and go by the thousand, are taken from the store in blocks. */
    nextPromise(): KRef {
      const end = counters.get('promise') ?? firstIds.promise;
      const next = nextNumbers.get('promise') ?? end;
      // Asked of the row each time: a crank that is rolled back gives its block back.
      if (next >= end) counters.set('promise', next + promiseBlock);
      nextNumbers.set('promise', next + 1);
      const kref = `kp${next}`;
      if (freshSince !== changes.commits) {
        fresh.clear();
        freshSince = changes.commits;
      }
      fresh.add(kref);
      return kref;
    },

    /** The endpoint is gone for good. */
    forgetNumbers(endpoint: EndpointId): void {
      vrefNumbers.delete(endpoint);
      nextNumbers.delete(endpoint);
    },

    /** The number of an endpoint's next imported promise, in blocks, too. */
    nextImportedPromise(
      endpoint: EndpointId,
      numbers: VRefNumbers,
    ): { number: number; numbers?: VRefNumbers } {
      const next = nextNumbers.get(endpoint) ?? numbers.promise;
      nextNumbers.set(endpoint, next + 1);
      return next < numbers.promise
        ? { number: next }
        : { number: next, numbers: { ...numbers, promise: next + promiseBlock } };
    },
  };
}

export type KernelRows = ReturnType<typeof makeKernelRows>;
