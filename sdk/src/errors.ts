/**
 * The one error that callers handle, its codes, and its form on every wire.
 *
 * A caller's bug is a `TypeError` or `RangeError`; what a caller can handle is a {@link KernelError} with
 * a `code`; a broken invariant of ours is a {@link KernelPanic}, which nothing catches.
 */

/** The same call may succeed later without anything being repaired. */
const RETRYABLE = 1;
/** The call may have had effects, in whole or in part, before it was rejected. */
const INDETERMINATE = 2;

/** What each code means to a caller. */
const codes = {
  /** The vat was terminated, by the host or by itself. */
  VAT_TERMINATED: 0,
  /** The vat's incarnation ended while the promise was its to settle. */
  VAT_RESTARTED: RETRYABLE | INDETERMINATE,
  /** The delivery was lost with its vat twice and is not tried again. Nothing of it was applied. */
  VAT_CRASHED: 0,
  /** The vat failed too often and waits for restart, upgrade or termination. Its state is kept. */
  VAT_BROKEN: 0,
  /** The vat could not be started. */
  START_FAILED: 0,
  /** An upgrade did not start; the old code runs on. */
  UPGRADE_FAILED: 0,
  /** The target existed and does no longer. */
  OBJECT_DELETED: 0,
  /** The target was revoked for all of its holders. */
  OBJECT_REVOKED: 0,
  /** A reference that was given for a time is older than that. */
  OBJECT_EXPIRED: 0,
  /** A reference that was given for so many messages has had them. */
  OBJECT_USED_UP: 0,
  /** A reference that was given for some methods was asked for another one. */
  METHOD_REFUSED: 0,
  /** No such kref, vat, subcluster or service. */
  NOT_FOUND: 0,
  /** A message was sent to the fulfilment of a promise, which is not an object. */
  BAD_PROMISE_RESOLUTION: 0,
  /** The endpoint that the target lives in is gone. */
  ENDPOINT_UNREACHABLE: RETRYABLE,
  /** The connection to the peer was lost before it answered. */
  CONNECTION_LOST: RETRYABLE | INDETERMINATE,
  /** The peer came back as another incarnation. */
  PEER_RESTARTED: RETRYABLE | INDETERMINATE,
  /** Another kernel with this kernel's key has begun to talk to others since. */
  IDENTITY_IN_USE: 0,
  /** The vat was upgraded, and the object was on the heap of its former code. */
  VAT_UPGRADED: 0,
  /** The session that held the target has ended. */
  SESSION_CLOSED: 0,
  /** The session cannot be taken up again: it has ended, or it never was. Its references are lost. */
  SESSION_EXPIRED: INDETERMINATE,
  /** Another channel has taken the session over. */
  SESSION_TAKEN: INDETERMINATE,
  /** The other side of a session speaks no version of its protocol that this side speaks. */
  PROTOCOL_VERSION: 0,
  /** The other side of a session broke its protocol. */
  PROTOCOL_ERROR: INDETERMINATE,
  /** A kernel without storage has ended, and all state with it. */
  STORE_LOST: INDETERMINATE,
  /** What is running is not what the caller was built for. */
  INTERFACE_MISMATCH: 0,
  /** A service call was under way when the kernel stopped. It is never repeated. */
  SERVICE_INTERRUPTED: RETRYABLE | INDETERMINATE,
  /** The service or its answer failed. */
  DELIVERY_FAILED: 0,
  /** A vat's fetch was answered with a redirect, on a platform that does not show where it leads. It was not followed. */
  FETCH_REDIRECT_REFUSED: INDETERMINATE,
  /** A queue is at its limit; later sends of the same pair fail until it has drained. */
  QUEUE_FULL: RETRYABLE,
  /** The vat made a system call that it may not make. */
  ILLEGAL_SYSCALL: 0,
  /** A subcluster's configuration or a bundle is not usable. */
  BAD_CONFIG: 0,
  /** A launch did not complete and was undone. */
  LAUNCH_FAILED: 0,
  /** The kernel is stopped or is stopping. */
  KERNEL_STOPPED: INDETERMINATE,
  /** The store refused a commit, is newer than this code, or is held by another kernel. */
  STORE_FAILED: INDETERMINATE,
  /** The kernel's worker did not start, or nothing in it answered. */
  WORKER_START_FAILED: RETRYABLE,
  /** A file of the page's own program, which is loaded when it is first used, could not be loaded. */
  LOAD_FAILED: RETRYABLE,
  /** The tab that has the kernel does not answer. */
  LEADER_UNRESPONSIVE: RETRYABLE | INDETERMINATE,
  /** The page or the browser lacks what a kernel in a worker needs. */
  UNSUPPORTED_ENVIRONMENT: 0,
  /** This client was closed, or its kernel is gone and could not be started again. */
  KERNEL_CLOSED: INDETERMINATE,
  /** The caller did not want to wait longer. The call goes on. */
  TIMEOUT: RETRYABLE | INDETERMINATE,
  /** A component that waits for a kernel was rendered on a server, which has none; it renders in the page. */
  SERVER_RENDER: 0,
  /** The ref was released by its holder. */
  REF_RELEASED: 0,
  /** A fault of this kernel. */
  INTERNAL_ERROR: INDETERMINATE,
};

export type KernelErrorCode = keyof typeof codes;

export const isKernelErrorCode = (value: string): value is KernelErrorCode =>
  Object.hasOwn(codes, value);

export type KernelErrorOptions = { cause?: unknown; data?: unknown };

const brand = Symbol.for('vatkit.KernelError');

/** An error with a `code`; test with {@link isKernelError}, which works across realms and duplicated packages. */
export class KernelError extends Error {
  override readonly name: string = 'KernelError';
  readonly code: KernelErrorCode;
  /** The same call may succeed later without anything being repaired. */
  readonly retryable: boolean;
  /** The call may have had effects before it was rejected. */
  readonly indeterminate: boolean;
  /** What the error is about, as plain data: `{ vatId: 'v1' }`. */
  readonly data: unknown;
  readonly [brand] = true;

  /** @param message - without the `[KERNEL:CODE]` mark, which is put before it. */
  constructor(code: KernelErrorCode, message: string, options: KernelErrorOptions = {}) {
    super(formatKernelErrorText(code, message), options);
    this.code = code;
    this.retryable = (codes[code] & RETRYABLE) > 0;
    const [, rest = ''] = this.message.split('] ');
    this.indeterminate = (codes[code] & INDETERMINATE) > 0 && !rest.startsWith(NEVER_SENT);
    this.data = options.data;
  }
}

/** The same error, called `name`. */
export const withName = <Err extends Error>(error: Err, name: string): Err =>
  Object.defineProperty(error, 'name', { value: name, writable: true, configurable: true });

/** How the text of an error begins, after its mark, that says of a call to another kernel that it never left this one. */
export const NEVER_SENT = 'never sent: ';

/** Is `value` a {@link KernelError}, and, where given, one with this code? */
export function isKernelError(value: unknown, code?: KernelErrorCode): value is KernelError {
  const candidate = value as (Partial<KernelError> & { [brand]?: unknown }) | null | undefined;
  return candidate?.[brand] === true && (code === undefined || candidate.code === code);
}

/** The text form that vats and callers see: `[KERNEL:VAT_TERMINATED] Vat was deleted.` */
export function formatKernelErrorText(code: KernelErrorCode, message: string): string {
  return parseKernelErrorText(message)?.code === code ? message : `[KERNEL:${code}] ${message}`;
}

const textForm = /^\[KERNEL:(?:VAT_FATAL:)?([A-Z_]+)\] ?/;

/** Reads {@link formatKernelErrorText}'s form; `undefined` where `text` is not in it or names no known code. */
export function parseKernelErrorText(
  text: string,
): { code: KernelErrorCode; message: string } | undefined {
  const [mark = '', code = ''] = textForm.exec(text) ?? [];
  return isKernelErrorCode(code) ? { code, message: text.slice(mark.length) } : undefined;
}

/**
 * A broken invariant of the kernel itself. It stops the kernel with the store as last committed; catching
 * it elsewhere would let a damaged state be committed.
 */
export class KernelPanic extends Error {
  override readonly name = 'KernelPanic';
}

/** Throws a {@link KernelPanic} unless `condition` holds. */
export function insistInvariant(condition: unknown, what: string): asserts condition {
  if (!condition) throw new KernelPanic(`Broken kernel invariant: ${what}`);
}
