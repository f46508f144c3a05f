/**
 * Every message between the kernel's host and a vat's worker, in both directions, as structured clones.
 *
 * A vat never speaks unless spoken to: its system calls and state writes travel with the end of the crank
 * that a delivery began. What happens between cranks (a timer, an answer of the host) it keeps, and asks
 * for a turn with `want-turn`; the next crank's result carries it as `prior`.
 */
import type { CapData } from './capdata.js';
import type { PlatformConfig } from './config.js';
import type { VRef, VatId } from './refs.js';
import type { VatTableSizes } from './vat-tables.js';

/** How a vat's code is packed; see the bundler. */
export type BundleFormat =
  /** vatkit's own: an IIFE that leaves Endo and `@vatkit/sdk/vat` to the worker's runtime. */
  | 'vatkit'
  /** MetaMask's: a self-contained IIFE that declares `__vatExports__`. */
  | 'iife'
  /** @endo/bundle-source's self-contained script. */
  | 'endoScript'
  | 'getExport'
  | 'nestedEvaluate';

/** A `.bundle` file's content. */
export type Bundle = {
  moduleFormat: BundleFormat;
  /** The program text. `endoScript`, `getExport` and `nestedEvaluate` carry it as `source`. */
  code: string;
  /** Major version of the runtime's interface that a `vatkit` bundle was made for. */
  abi?: number;
  /** Module specifiers that the worker's runtime provides: `['@vatkit/sdk/vat']`. */
  external?: string[];
  /** Names that the entry module exports. */
  exports?: string[];
  /** A source map (version 3) as JSON, by which a stack trace names the line of the source. */
  sourceMap?: string;
};

export type Resolution = {
  vpid: VRef;
  rejected: boolean;
  value: CapData<VRef>;
  /** Of a rejection: the stack as the vat's own realm saw it, for the host's eyes; never shown to another vat. */
  stack?: string;
};

/** What a vat asks of the kernel. */
export type Syscall =
  | { type: 'send'; target: VRef; methargs: CapData<VRef>; result?: VRef }
  | { type: 'subscribe'; vpid: VRef }
  /** Of promises that this vat decides. All of one call take effect together, so that they may name one another. */
  | { type: 'resolve'; resolutions: Resolution[] }
  /** No longer reachable here, perhaps still recognized (a weak key). */
  | { type: 'drop-imports'; vrefs: VRef[] }
  /** No longer recognized either. */
  | { type: 'retire-imports'; vrefs: VRef[] }
  /** An export that nobody reaches any more and this vat has dropped, too. */
  | { type: 'retire-exports'; vrefs: VRef[] }
  /** An export that this vat gives up although others still reach it. */
  | { type: 'abandon-exports'; vrefs: VRef[] }
  /** Ends the vat. With `failure` the crank is discarded, without it is applied first. */
  | { type: 'exit'; failure: boolean; completion: CapData<VRef> };

/** A key of the vat's own state with its new value, or with `null` where it is deleted. */
export type StateWrite = {
  key: string;
  value: string | null;
  /** The references that the value holds, each as often as it holds them. Absent: none. */
  slots?: VRef[];
};

/**
 * What the kernel gives a vat to do; one at a time. `ephemeral` are references in it to what clients exposed: they end
 * with their sessions, and durable state may not hold them.
 */
export type Delivery =
  /** The first of every incarnation: evaluates the code and calls `buildRootObject`. */
  | {
      type: 'start';
      /** `buildRootObject`'s second argument, as JSON. */
      parameters: unknown;
      /** All of the vat's state, in key order. */
      state: [key: string, value: string][];
      /** Numbers of new heap vrefs (`o+N`, `p+N`) start here, so that none of an earlier incarnation is used again. */
      nextExport: number;
    }
  /** `methargs` is the pair `[method, args]`; `result` is a promise that this vat now decides. */
  | {
      type: 'message';
      target: VRef;
      methargs: CapData<VRef>;
      result?: VRef;
      ephemeral?: VRef[];
    }
  /** Settled promises that this vat subscribed to or decided by forwarding; both sides forget their vrefs at the crank's end. */
  | { type: 'notify'; resolutions: Resolution[]; ephemeral?: VRef[] }
  | { type: 'drop-exports'; vrefs: VRef[] }
  | { type: 'retire-exports'; vrefs: VRef[] }
  | { type: 'retire-imports'; vrefs: VRef[] }
  /** Collect by force where the engine can, and report what was dropped. */
  | { type: 'reap' }
  /** Report what happened between cranks. */
  | { type: 'turn' };

export type CrankResult = {
  /** Made after the last crank and before this delivery was read: translated before the delivery's own effects. */
  prior: Syscall[];
  own: Syscall[];
  writes: StateWrite[];
  /** Of a drop or retire delivery: the vrefs that `prior` put to use again, which are therefore not dropped. */
  kept?: VRef[];
  /** At a start: whether the root has a `bootstrap` method. */
  start?: { hasBootstrap: boolean };
  /**
   * The first promise of the vat's that is rejected and that nobody has looked at: told when it is another one than
   * before, and `null` when somebody has looked at all of them. At a start it is the crank's failure instead. Every
   * one is logged, too.
   */
  uncaught?: VatError | null;
  /** What methods objects have that were exported in this crank; at a start, the root and the durable kinds, too. */
  shapes?: ObjectShape[];
};

/** Says that objects have the same methods. */
export type ObjectShape = {
  /** Of this shape, in this incarnation; from 0. */
  number: number;
  /** With the first mention of the number. Names of the methods, sorted; the interface without `Alleged: `. */
  shape?: { iface?: string; methods: string[] };
  /** `o+0`, `o+5`; `o+d2` and `o+d2:1` for all objects of a durable kind, of a facet of one. */
  of: VRef[];
};

/** A vat's error as far as the host may need it; the message and the name are text, whatever the vat threw. */
export type VatError = { name: string; message: string; stack?: string };

/** Why a crank has no result. The kernel applies nothing of it and ends the incarnation. */
export type CrankFailure = { error: VatError };

/** Which of a vat's ambient powers it was granted; everything else is absent. */
export type VatEndowments = {
  /** Names of the list of API.md: `['setTimeout', 'Date']`. */
  globals: string[];
  network?: { allowedHosts: string[] };
  platformConfig?: PlatformConfig;
};

/**
 * What a vat asks its host to do for it, at once and whatever becomes of the crank; the host checks what it may. The
 * vat keeps the number of its open asks within a bound; the end of its incarnation cancels them.
 */
export type HostAsk = { op: 'fetch'; request: FetchRequest };

/** `https://api.example.com/x`, `POST`, `[['accept', 'text/plain']]`; names of headers in lower case. */
export type FetchRequest = {
  url: string;
  method: string;
  headers: [name: string, value: string][];
  body?: Uint8Array;
  redirect?: 'follow' | 'error' | 'manual';
};

export type FetchResponse = {
  status: number;
  statusText: string;
  /** Of the last request, after redirects. */
  url: string;
  headers: [name: string, value: string][];
  body: Uint8Array;
  redirected?: boolean;
};

export type HostAnswer =
  { ok: true; value: FetchResponse } | { ok: false; error: { name: string; message: string } };

export type NumberedDelivery = { id: number; delivery: Delivery };

export type ToVat =
  | { type: 'init'; vatId: VatId; bundle: Bundle; endowments: VatEndowments; limits: VatLimits }
  /** In order, each to be answered by itself. A vat that is sent many at once is woken once for all of them. */
  | { type: 'deliver'; deliveries: NumberedDelivery[] }
  /** Of an ask. One that the vat has cancelled meanwhile is ignored. */
  | { type: 'reply'; id: number; answer: HostAnswer }
  /** Answered with `pong` as soon as the worker's event loop runs. */
  | { type: 'ping'; id: number };

export type FromVat =
  /** The worker's runtime is loaded and can take `init`. Sent once, unasked. */
  | { type: 'ready' }
  | { type: 'done'; id: number; result: CrankResult }
  | { type: 'failed'; id: number; failure: CrankFailure }
  | { type: 'want-turn' }
  | { type: 'pong'; id: number; sizes: VatTableSizes }
  /** `id` is of this ask alone, in this incarnation. */
  | ({ type: 'ask'; id: number } & HostAsk)
  /** Nobody waits for the answer any more. It comes all the same, and makes room for the next ask. */
  | { type: 'cancel'; id: number }
  /** `level` is debug, info, log, warn or error; `args` are formatted to text where they cannot be cloned. */
  | { type: 'log'; level: LogLevel; tags: string[]; args: unknown[] };

export type LogLevel = 'debug' | 'info' | 'log' | 'warn' | 'error';

/** Bounds that the vat itself holds to, so that it fails with a clear error before the kernel must end it. */
export type VatLimits = {
  /** Bytes (UTF-16 code units) of one value's body. */
  messageBytesMax: number;
  /** Requests to its host that it may have under way. */
  asksMax: number;
};
