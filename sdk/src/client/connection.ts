/**
 * Keeps a session on a channel: opens one when it is needed, another when it is lost, and says what has become of it.
 * A session outlives its channels. When it is over for good, the next use begins another.
 */
import { KernelError, isKernelError } from '../errors.js';
import { limits } from '../limits.js';
import {
  sessionProtocol,
  type EventMessage,
  type RefusedMessage,
  type ToClient,
  type ToHost,
  type WelcomeMessage,
} from '../protocol/session-wire.js';
import { openChannel, type Channel } from './channel.js';
import { KernelMoved, errorOfWire, kernelClosedError, workerStartError } from './errors.js';
import type { Ports } from './ports.js';
import { makeSession, type Session } from './session.js';
import type { Origin } from './types.js';

/**
 * `idle`: not used yet. `starting`, `ready`. `reconnecting`: its worker was lost, and calls wait. `failed`: the next use
 * tries anew. `reload-required`: the kernel is newer than this page. `closed`: by its app.
 */
export type Phase =
  'idle' | 'starting' | 'ready' | 'reconnecting' | 'failed' | 'reload-required' | 'closed';

/** What the host tells, and what the connection knows itself: its phase, and of each beginning and resumption of a session. */
export type News =
  | EventMessage['event']
  | { type: 'status'; status: { phase: Phase; error: Error | undefined } & Partial<Store> }
  /** No version that was known before means anything. */
  | { type: 'versions'; versions?: undefined };

type Store = Pick<WelcomeMessage, 'storage' | 'storeId' | 'epoch'>;

export type ConnectionOptions = {
  /** A Worker or a MessagePort, or a promise of one; another one each time, if the last was lost. */
  open: (isWanted: () => boolean) => unknown;
  /** What was opened, or is being opened, is not needed any more. */
  leave?: () => void;
  startTimeoutMs: number;
  onNews?: (news: News) => void;
  /** What the refs of its sessions say of where they come from. */
  origin?: Origin;
};

/** Milliseconds; the host wants its frames acknowledged within 100. */
const ACK_DELAY_MS = 40;
/** A kernel that owes answers is asked so often whether it is there. */
const PING_MS = 5_000;
/** So many attempts in a row to go on with a session, each after a longer pause. */
const RECONNECTS_MAX = 3;
const RECONNECT_DELAY_MS = 200;
/** A kernel that ran for so long was not lost because of its start. */
const STEADY_MS = 10_000;

const NO_ANSWER = 'it does not answer any more';

export type Connection = ReturnType<typeof makeConnection>;

export function makeConnection({ open, leave, startTimeoutMs, onNews, origin }: ConnectionOptions) {
  let phase: Phase = 'idle';
  let failure: Error | undefined;
  let channel: Channel | undefined;
  /** What the channel leads to, to know it again. */
  let target: unknown;
  /** Of one channel: what an earlier one says is not heard. */
  let era = 0;
  let session: Session = makeSession(wake, origin);
  let readySince = 0;
  let attempts = 0;
  let isFlushing = false;
  let silence = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let ackTimer: ReturnType<typeof setTimeout> | undefined;
  let pingTimer: ReturnType<typeof setInterval> | undefined;
  const waiting: ((error?: Error) => void)[] = [];
  let ports: Ports | undefined;

  const post = (message: ToHost): void => channel?.post(message);
  const isStarting = (): boolean => phase === 'starting' || phase === 'reconnecting';

  const turn = (to: Phase, error?: Error, store?: Store): void => {
    phase = to;
    failure = error;
    onNews?.({ type: 'status', status: { phase, error, ...store } });
    if (!isStarting()) for (const settle of waiting.splice(0)) settle(error);
  };

  /** Lets go of the channel. `final`: it is not used again, even where it is a port. */
  const drop = (final: boolean): void => {
    era += 1;
    clearTimeout(timer);
    clearTimeout(ackTimer);
    clearInterval(pingTimer);
    ackTimer = pingTimer = undefined;
    channel?.close(final);
    channel = undefined;
    if (final) leave?.();
  };

  const endSession = (error: Error): void => {
    const over = session;
    session = makeSession(wake, origin);
    ports?.close();
    over.end(error);
  };

  const fail = (
    error: Error,
    to: Phase = isKernelError(error, 'PROTOCOL_VERSION') ? 'reload-required' : 'failed',
  ): void => {
    drop(true);
    target = undefined;
    attempts = 0;
    turn(to, error);
    endSession(error);
  };

  // Starting

  function wake(): void {
    if (phase === 'idle' || phase === 'failed') void start('starting');
    if (phase !== 'ready' || isFlushing) return;
    isFlushing = true;
    queueMicrotask(() => {
      isFlushing = false;
      if (phase !== 'ready') return;
      session.flush(post);
      listenForLife();
    });
  }

  const start = async (as: Phase): Promise<void> => {
    turn(as);
    const mine = (era += 1);
    const isCurrent = (): boolean => era === mine;
    timer = setTimeout(
      () => lost(new Error(`no answer within ${startTimeoutMs} ms`)),
      startTimeoutMs,
    );
    try {
      const opened = await open(isCurrent);
      const listen = (): Channel =>
        openChannel(opened, {
          onMessage: (message) => isCurrent() && receive(message as ToClient),
          onLost: (cause) => isCurrent() && lost(cause),
        });
      // Too late: nobody else knows of it.
      if (!isCurrent()) return opened === target ? undefined : listen().close(true);
      // A port that has not answered would get a second hello.
      if (opened === target && attempts > 1) throw new Error(NO_ANSWER);
      target = opened;
      channel = listen();
      post(session.hello());
    } catch (cause) {
      if (isCurrent()) fail(isKernelError(cause) ? cause : gone(cause));
    }
  };

  /** The channel came to nothing, or has ended. A session that was welcomed once is worth more attempts. */
  const lost = (cause: unknown): void => {
    if (isKernelError(cause, 'PROTOCOL_VERSION')) return fail(cause);
    const isSteady = phase === 'ready' && Date.now() - readySince > STEADY_MS;
    // Where a kernel goes on elsewhere nothing has failed.
    const hasMoved = cause instanceof KernelMoved || isKernelError(cause, 'KERNEL_STOPPED');
    if (isSteady || hasMoved) attempts = 0;
    attempts += 1;
    const isKept = session.welcome() || cause instanceof KernelMoved;
    if (!isKept || attempts > RECONNECTS_MAX) return fail(gone(cause));
    drop(false);
    ports?.suspend();
    const next = session.welcome() ? 'reconnecting' : 'starting';
    turn(next);
    timer = setTimeout(() => void start(next), RECONNECT_DELAY_MS * (attempts - 1));
  };

  const gone = (cause: unknown): Error => {
    const why = cause instanceof Error ? cause.message : String(cause);
    return !session.welcome()
      ? workerStartError(
          `The kernel's worker did not start: ${why}. See worker(), and its console`,
          cause,
        )
      : kernelClosedError(`The kernel is gone: ${why}. Its next use starts it again`, cause);
  };

  // What the host says

  const receive = (message: ToClient): void => {
    silence = 0;
    try {
      handle(message);
    } catch (thrown) {
      // The kernel's own worker is not feared: what it says is not examined before it is used.
      const error = isKernelError(thrown)
        ? thrown
        : new KernelError('PROTOCOL_ERROR', 'It said nonsense', { cause: thrown });
      post({ type: 'bye' });
      fail(session.welcome() ? error : gone(error));
    }
  };

  const handle = (message: ToClient): void => {
    switch (message.type) {
      case 'ping':
        return post({ type: 'pong', id: message.id });
      case 'pong':
        return session.understood(message.id);
      case 'welcome':
        return welcomed(message);
      case 'refused':
        return refused(message);
      case 'closed': {
        const error = errorOfWire(message.error);
        return message.resumable || isStarting() ? lost(error) : fail(error);
      }
      case 'frame':
        session.receive(message);
        ackTimer ??= setTimeout(acknowledge, ACK_DELAY_MS);
        break;
      case 'ack':
        session.acked(message.ack);
        break;
      case 'event':
        return onNews?.(message.event);
      case 'channel':
      case 'channel-close':
        return ports?.deliver(message);
      default:
        throw new TypeError(`unknown ${(message as ToClient).type}`);
    }
    // An acknowledgement makes room for what waits.
    wake();
  };

  const welcomed = (next: WelcomeMessage): void => {
    clearTimeout(timer);
    readySince = Date.now();
    session.welcomed(next);
    const { storage, storeId, epoch } = next;
    onNews?.({ type: 'versions' });
    turn('ready', undefined, { storage, storeId, epoch });
    session.flush(post, true);
    ports?.resume();
    listenForLife();
  };

  const refused = ({ error, protocol: { min } }: RefusedMessage): void => {
    let cause = errorOfWire(error);
    const welcome = session.welcome();
    if (error.code === 'SESSION_EXPIRED' && welcome) {
      if (welcome.storage === 'memory')
        cause = new KernelError('STORE_LOST', 'The kernel kept nothing on disk', { cause });
      endSession(cause);
      return post(session.hello());
    }
    if (error.code !== 'PROTOCOL_VERSION') return fail(gone(cause));
    const [what, todo, to]: [string, string, Phase] =
      min > sessionProtocol.max
        ? ['newer', 'reload the page', 'reload-required']
        : ['older', 'build both with one version of vatkit', 'failed'];
    fail(workerStartError(`The kernel's worker is ${what} than this page: ${todo}`, cause), to);
  };

  // Keeping it going

  const acknowledge = (): void => {
    ackTimer = undefined;
    session.acknowledge(post);
  };

  /** While answers are owed. By turns of a timer, not by a clock: a page that slept has not waited. */
  const listenForLife = (): void => {
    silence = 0;
    pingTimer ??= setInterval(() => {
      silence += PING_MS;
      if (session.isIdle()) {
        clearInterval(pingTimer);
        pingTimer = undefined;
      } else if (silence > limits.kernelSilenceMs) lost(new Error(NO_ANSWER));
      else post({ type: 'ping', id: 0 });
    }, PING_MS);
  };

  return {
    session: (): Session => session,

    /** Ports for other realms, which few pages make: made by who does. */
    ports: (make: (post: (message: ToHost) => void) => Ports): Ports => (ports ??= make(post)),

    /** Starts what is not started. @throws WorkerStartError, KernelClosedError. */
    ready: (): Promise<void> =>
      new Promise((resolve, reject) => {
        if (phase === 'ready') return resolve();
        // For good; after another failure the next use tries anew.
        if (failure && phase !== 'failed') return reject(failure);
        waiting.push((error) => (error ? reject(error) : resolve()));
        wake();
      }),

    /** Ends the session and what it ran in. */
    async close(): Promise<void> {
      if (phase === 'closed') return;
      const error = kernelClosedError('This client was closed');
      const last = channel;
      if (phase === 'ready') session.flush(post);
      post({ type: 'bye' });
      channel = undefined;
      drop(true);
      turn('closed', error);
      endSession(error);
      session.end(error);
      await last?.finish(limits.stopTimeoutMs);
    },
  };
}
