/**
 * Keeps a session on a channel: opens one when it is needed, another when it is lost, and says what has become of it.
 * A session outlives its channels. When it is over for good, the next use begins another.
 */
import { KernelError } from '../errors.js';
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
import { KernelClosedError, WorkerStartError, errorOfWire } from './errors.js';
import { makePorts } from './ports.js';
import { makeSession, type Session } from './session.js';

/**
 * `idle`: not used yet. `starting`, `ready`. `reconnecting`: its worker was lost, and calls wait. `failed`: the next use
 * tries anew. `reload-required`: the kernel is newer than this page. `closed`: by its app.
 */
export type Phase =
  'idle' | 'starting' | 'ready' | 'reconnecting' | 'failed' | 'reload-required' | 'closed';

export type ConnectionOptions = {
  /** A Worker or a MessagePort, or a promise of one; another one each time, if the last was lost. */
  open: () => unknown;
  startTimeoutMs: number;
  onPhase: (phase: Phase, error: Error | undefined) => void;
  onWelcome: (welcome: WelcomeMessage) => void;
  onEvent: (event: EventMessage['event']) => void;
};

/** Milliseconds; the host wants its frames acknowledged within 100. */
const ACK_DELAY_MS = 40;
/** A silent kernel that owes answers is asked so often whether it is there. */
const PING_MS = 5_000;
/** So many worker starts in a row are tried for one session. */
const RECONNECTS_MAX = 3;
const RECONNECT_DELAY_MS = 200;
const RECONNECTS_FORGOTTEN_MS = 10_000;

export type Connection = ReturnType<typeof makeConnection>;

export function makeConnection(options: ConnectionOptions) {
  const { open, startTimeoutMs } = options;
  let phase: Phase = 'idle';
  let failure: Error | undefined;
  let channel: Channel | undefined;
  /** The channel's target, to know it again. */
  let target: unknown;
  let session: Session = makeSession(wake);
  /** What resumes the session. */
  let ticket: { session: string; secret: string } | undefined;
  let storage: WelcomeMessage['storage'] | undefined;
  /** Attempts to go on, since the kernel was last well, and why the last was needed. */
  let attempts = 0;
  let cause: unknown;
  let readySince = 0;
  /** Of one channel: what an earlier one says is not heard. */
  let era = 0;
  let isFlushing = false;
  let silence = 0;
  let startTimer: ReturnType<typeof setTimeout> | undefined;
  let ackTimer: ReturnType<typeof setTimeout> | undefined;
  let pingTimer: ReturnType<typeof setInterval> | undefined;
  let waiting: { resolve(): void; reject(error: Error): void }[] = [];

  const post = (message: ToHost): void => channel?.post(message);
  const ports = makePorts(post);

  const turn = (to: Phase, error?: Error): void => {
    phase = to;
    failure = error;
    options.onPhase(to, error);
    if (to === 'starting' || to === 'reconnecting') return;
    const settled = waiting;
    waiting = [];
    for (const each of settled)
      if (error === undefined) each.resolve();
      else each.reject(error);
  };

  /** Lets go of the channel. `final`: it is not used again, even where it is a port. */
  const drop = (final: boolean): void => {
    era += 1;
    clearTimeout(startTimer);
    clearTimeout(ackTimer);
    clearInterval(pingTimer);
    ackTimer = pingTimer = undefined;
    channel?.close(final);
    channel = undefined;
  };

  const endSession = (error: Error): void => {
    const over = session;
    session = makeSession(wake);
    ticket = undefined;
    over.end(error);
  };

  const fail = (error: Error, to: 'failed' | 'reload-required' = 'failed'): void => {
    drop(true);
    ports.close();
    target = undefined;
    attempts = 0;
    turn(to, error);
    endSession(error);
  };

  // Starting

  function wake(): void {
    if (phase === 'idle' || phase === 'failed') start('starting');
    if (phase !== 'ready' || isFlushing) return;
    isFlushing = true;
    queueMicrotask(() => {
      isFlushing = false;
      if (phase === 'ready') flush();
    });
  }

  const start = (as: 'starting' | 'reconnecting'): void => {
    turn(as);
    const mine = (era += 1);
    startTimer = setTimeout(
      () => again(new Error(`nothing in it has answered within ${startTimeoutMs} ms`)),
      startTimeoutMs,
    );
    Promise.resolve()
      .then(open)
      .then((opened) => {
        if (era !== mine) return opened === target || openChannel(opened, ignoring).close(true);
        // A port that did not answer would get a second hello.
        if (opened === target && attempts > 1) return fail(goneError(cause));
        target = opened;
        channel = openChannel(opened, {
          onMessage: (message) => era === mine && receive(message),
          onLost: (why) => era === mine && again(why),
        });
        return hello();
      })
      .catch((thrown: unknown) => era === mine && fail(startError(thrown)));
  };
  const isStarting = (): boolean => phase === 'starting' || phase === 'reconnecting';

  const hello = (): void =>
    post({
      type: 'hello',
      protocol: { ...sessionProtocol },
      ...(ticket && { resume: { ...ticket, received: session.received() } }),
    });

  /** The channel came to nothing, or has ended. A session that was welcomed once is worth more attempts. */
  const again = (why: unknown): void => {
    cause = why;
    if (ticket === undefined) return fail(startError(why));
    // A kernel that ran for a while did not fail because of its start.
    if (phase === 'ready' && Date.now() - readySince > RECONNECTS_FORGOTTEN_MS) attempts = 0;
    attempts += 1;
    drop(false);
    ports.suspend();
    if (attempts > RECONNECTS_MAX) return fail(goneError(why));
    turn('reconnecting');
    startTimer = setTimeout(() => start('reconnecting'), RECONNECT_DELAY_MS * (attempts - 1));
  };

  // What the host says

  const receive = (message: unknown): void => {
    silence = 0;
    try {
      handle(message as ToClient);
    } catch (thrown) {
      const error = thrown as Error;
      post({ type: 'bye' });
      fail(isStarting() ? startError(error) : error);
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
      case 'closed':
        return closed(errorOfWire(message.error), message.resumable);
    }
    if (isStarting())
      throw new KernelError('PROTOCOL_ERROR', `A ${message.type} came before the welcome`);
    switch (message.type) {
      case 'frame':
        session.receive(message);
        break;
      case 'ack':
        session.acked(message.ack);
        break;
      case 'event':
        return options.onEvent(message.event);
      case 'channel':
        return ports.deliver(message.channel, message.message);
      case 'channel-close':
        return ports.ended(message.channel);
    }
    if (session.isAckDue()) ackTimer ??= setTimeout(acknowledge, ACK_DELAY_MS);
    // An acknowledgement makes room for what waits.
    wake();
  };

  const welcomed = (welcome: WelcomeMessage): void => {
    const { protocol, secret, session: id } = welcome;
    if (!isStarting()) throw new KernelError('PROTOCOL_ERROR', 'A second welcome');
    if (protocol < sessionProtocol.min || protocol > sessionProtocol.max)
      throw new KernelError('PROTOCOL_VERSION', `The kernel chose version ${protocol}`);
    clearTimeout(startTimer);
    readySince = Date.now();
    if (secret !== undefined) ticket = { session: id, secret };
    ({ storage } = welcome);
    session.welcomed(welcome);
    options.onWelcome(welcome);
    turn('ready');
    session.flush(post, true);
    ports.resume();
    beat();
  };

  const refused = ({ error, protocol }: RefusedMessage): void => {
    const cause = errorOfWire(error);
    if (error.code === 'SESSION_EXPIRED' && ticket !== undefined) {
      endSession(
        storage === 'memory'
          ? new KernelError('STORE_LOST', 'The kernel kept nothing on disk and has ended', {
              cause,
            })
          : cause,
      );
      ports.close();
      return hello();
    }
    if (error.code !== 'PROTOCOL_VERSION') return fail(startError(cause));
    const isPageOld = protocol.min > sessionProtocol.max;
    const what = isPageOld
      ? 'The kernel is newer than this page: reload the page'
      : "The kernel's worker is older than this page: build and serve both from one version of vatkit";
    fail(new WorkerStartError(what, { cause }), isPageOld ? 'reload-required' : 'failed');
  };

  const closed = (error: Error, resumable: boolean): void =>
    resumable || isStarting() ? again(error) : fail(error);

  // Keeping it going

  const flush = (): void => {
    session.flush(post);
    beat();
  };

  const acknowledge = (): void => {
    ackTimer = undefined;
    if (!session.isAckDue()) return;
    const ack = session.takeAck();
    post({ type: 'ack', ack });
    // When it comes back, all that the host sent before it knew of the acknowledgement has come.
    post({ type: 'ping', id: ack });
  };

  /** While answers are owed. Turns of a timer, not a clock: a page that slept has not waited. */
  const beat = (): void => {
    if (pingTimer !== undefined || session.isIdle()) return;
    silence = 0;
    pingTimer = setInterval(() => {
      if (session.isIdle()) {
        clearInterval(pingTimer);
        pingTimer = undefined;
        return;
      }
      silence += PING_MS;
      if (silence > limits.kernelSilenceMs) again(new Error('it does not answer any more'));
      else post({ type: 'ping', id: session.lastAck() });
    }, PING_MS);
  };

  return {
    session: (): Session => session,
    phase: (): Phase => phase,
    ports,

    /** Starts what is not started. @throws WorkerStartError, KernelClosedError. */
    ready(): Promise<void> {
      if (phase === 'ready') return Promise.resolve();
      // For good; after another failure the next use tries anew.
      if (failure !== undefined && phase !== 'failed') return Promise.reject(failure);
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        wake();
      });
    },

    /** Ends the session and what it ran in. */
    async close(): Promise<void> {
      if (phase === 'closed') return;
      const error = new KernelClosedError('This kernel client was closed by its app');
      const last = channel;
      session.flush(post);
      post({ type: 'bye' });
      channel = undefined;
      drop(true);
      ports.close();
      turn('closed', error);
      endSession(error);
      session.end(error);
      await last?.finish(limits.stopTimeoutMs);
    },
  };
}

const ignoring = { onMessage: () => undefined, onLost: () => undefined };

const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);

const startError = (cause: unknown): Error =>
  cause instanceof WorkerStartError
    ? cause
    : new WorkerStartError(
        `The kernel's worker did not start: ${messageOf(cause)}. Look at what worker() of createKernel returns, and at that worker's console`,
        { cause },
      );

const goneError = (cause: unknown): Error =>
  new KernelClosedError(
    `The kernel was lost and did not come back: ${messageOf(cause)}. Its next use starts it again; launch again from names`,
    { cause },
  );
