/**
 * Serves client sessions: speaks `protocol/session-wire.ts` on channels and carries what it hears to the kernel.
 *
 * A link is one channel while it is open. Sessions outlive their links: where one ends, the kernel hears of it at once,
 * and forgets the session after a grace. Nothing is told before its commit: what comes here from the kernel has had it.
 */
import { KernelError } from '../errors.js';
import type { Attachment, ErrorData, Outcome } from '../kernel/events.js';
import type { EndpointId, VatId } from '../protocol/refs.js';
import { limits } from '../limits.js';
import {
  sessionProtocol,
  type ClientOp,
  type FrameMessage,
  type HelloMessage,
  type ToHost,
  type WireStatus,
} from '../protocol/session-wire.js';
import { insistToHost } from '../protocol/session-wire-check.js';
import type { EventLoop, SessionEffect } from './event-loop.js';
import type { Log } from './logger.js';
import type { SessionFrame } from '../kernel/session-rows.js';
import type { SessionChannel } from './session-channel.js';
import { makeSessionIntake } from './session-intake.js';
import {
  admit,
  makeLink,
  noteCommitted,
  wireErrorOf,
  type Inner,
  type Link,
  type ServeOptions,
} from './session-link.js';
import { makeSessionWording, type SessionWordingPowers } from './session-wording.js';
import type { StoreNames } from './store-names.js';

/** What the admin object of a session needs of its server. */
export type SessionLine = {
  session: EndpointId;
  progress: (progress: number, step: object) => void;
  /** Makes a session under this one. */
  connect: (krefs: string[]) => Promise<{ session: string; secret: string }>;
};

export type SessionServerPowers = Omit<SessionWordingPowers, 'lastOldFrame'> & {
  loop: EventLoop;
  names: StoreNames;
  log: Log;
  storage: 'file' | 'memory';
  graceMs: number;
  /** The object that serves a session's admin requests. */
  makeAdmin: (line: SessionLine) => object;
  status: () => WireStatus;
};

export function makeSessionServer(powers: SessionServerPowers) {
  const { loop, names, log, graceMs } = powers;
  const links = new Map<EndpointId, Link>();
  const every = new Set<Link>();
  const graces = new Map<EndpointId, ReturnType<typeof setTimeout>>();
  const admins = new Map<EndpointId, object>();
  /** Frames up to here are of an earlier run of the kernel, whose versions mean nothing. */
  const oldFrames = new Map<EndpointId, number>();
  let statusTimer: ReturnType<typeof setTimeout> | undefined;
  let over: KernelError | undefined;

  // From the kernel

  const wording = makeSessionWording({
    ...powers,
    lastOldFrame: (session) => oldFrames.get(session) ?? 0,
  });

  const risen = new Map<VatId, number>();
  const tellVersions = (link: Link): void => {
    const touched = [...risen].filter(([vatId]) => link.interest.has(vatId));
    if (link.phase !== 'open' || touched.length === 0) return;
    const versions = wording.versions(link, Object.fromEntries(touched));
    link.post({ type: 'event', event: { type: 'versions', versions } });
  };

  /** Links that know what has risen with this commit. */
  const toldVersions = new Set<Link>();
  const tellAllVersions = (): void => {
    for (const link of links.values()) if (!toldVersions.has(link)) tellVersions(link);
    toldVersions.clear();
    risen.clear();
  };

  /** What rose before an answer is told before it: who gets an old answer knows that it is old. */
  const tellFrame = (link: Link, frame: SessionFrame): void => {
    const worded = wording.frame(link, frame);
    if (risen.size > 0) {
      tellVersions(link);
      toldVersions.add(link);
    }
    link.post(worded);
  };

  const tellStatus = (): void => {
    statusTimer = undefined;
    if (over !== undefined || loop.over() !== undefined) return;
    let status: WireStatus | undefined;
    for (const link of links.values()) {
      if (!link.privileged || link.phase !== 'open') continue;
      status ??= powers.status();
      const text = JSON.stringify(status);
      if (text === link.status) continue;
      link.status = text;
      link.post({ type: 'event', event: { type: 'status', status } });
    }
  };

  const tellStatusSoon = (): void => {
    const isWatched = [...links.values()].some(({ privileged }) => privileged);
    if (isWatched) statusTimer ??= setTimeout(tellStatus, limits.sessionStatusMs);
  };

  // Links

  const drop = (link: Link): void => {
    if (link.phase === 'over') return;
    link.phase = 'over';
    clearTimeout(link.ackTimer);
    every.delete(link);
    link.inbox.length = 0;
    for (const inner of link.channels.values()) inner.closed();
    link.channels.clear();
    if (link.session !== undefined && links.get(link.session) === link) links.delete(link.session);
    link.channel.close();
    link.onEnd?.(link.wasBye);
  };

  /** The last message, and the end of the link; the session is left as it is. */
  const close = (link: Link, error: ErrorData, resumable: boolean): void => {
    if (link.phase === 'over') return;
    if (link.phase === 'open') link.post({ type: 'closed', error: wireErrorOf(error), resumable });
    else refuse(link, error);
    drop(link);
  };

  const refuse = (link: Link, error: ErrorData): void => {
    link.post({ type: 'refused', error: wireErrorOf(error), protocol: { ...sessionProtocol } });
  };

  const detach = (session: EndpointId): void => {
    if (loop.over() !== undefined) return;
    loop.feed({ type: 'session-detach', session });
    beginGrace(session);
  };

  const beginGrace = (session: EndpointId): void => {
    clearTimeout(graces.get(session));
    const timer = setTimeout(() => {
      graces.delete(session);
      loop.feed({ type: 'session-end', session });
    }, graceMs);
    // A session that waits for its client is no reason to keep a process.
    (timer as { unref?: () => void }).unref?.();
    graces.set(session, timer);
  };

  /** The channel ended without a word. */
  const lost = (link: Link): void => {
    const { session } = link;
    const isIts = session !== undefined && links.get(session) === link;
    drop(link);
    if (isIts) detach(session);
  };

  const violated = (link: Link, message: string): void => {
    const { session } = link;
    const error: ErrorData = { code: 'PROTOCOL_ERROR', message };
    log('warn', ['kernel', 'session', session ?? 'new'], [message]);
    if (session !== undefined && link.phase === 'open') {
      loop.feed({ type: 'session-end', session, error });
    }
    close(link, error, false);
  };

  const receive = (link: Link, message: unknown): void => {
    if (link.phase === 'over') return;
    try {
      insistToHost(message);
    } catch (thrown) {
      if (!(thrown instanceof KernelError)) throw thrown;
      violated(link, thrown.message);
      return;
    }
    take(link, message);
  };

  const take = (link: Link, message: ToHost): void => {
    if (message.type === 'ping') return link.post({ type: 'pong', id: message.id });
    if (message.type === 'pong') return;
    if (link.phase === 'new') {
      if (message.type === 'hello') void attach(link, message);
      else if (message.type === 'bye') end(link);
      else violated(link, `a client says hello first; it said ${message.type}`);
      return;
    }
    if (link.phase === 'attaching') {
      violated(link, `a client waits for its welcome; it said ${message.type}`);
      return;
    }
    const session = link.session as EndpointId;
    switch (message.type) {
      case 'hello':
        return violated(link, 'a client says hello once');
      case 'ack':
        return loop.feed({ type: 'session-ack', session, ack: message.ack });
      case 'frame':
        return takeFrame(link, message);
      case 'bye':
        // Nobody is to be told that it has ended.
        links.delete(session);
        // First: the kernel's answer may come at once, and would be an end without a bye.
        end(link);
        return loop.feed({ type: 'session-end', session });
      case 'channel-open':
        return openInner(link, message);
      case 'channel':
        return link.channels.get(message.channel)?.receive(message.message);
      case 'channel-close': {
        const inner = link.channels.get(message.channel);
        link.channels.delete(message.channel);
        return inner?.closed();
      }
    }
  };

  const end = (link: Link): void => {
    link.wasBye = true;
    drop(link);
  };

  const intake = makeSessionIntake(loop, log);
  const takeFrame = (link: Link, frame: FrameMessage<ClientOp>): void => {
    const problem = admit(link, frame);
    if (problem === undefined) intake(link, frame);
    else violated(link, problem);
  };

  // Handshakes

  const attach = async (link: Link, hello: HelloMessage): Promise<void> => {
    const protocol = Math.min(sessionProtocol.max, hello.protocol.max);
    if (protocol < Math.max(sessionProtocol.min, hello.protocol.min)) {
      const { min, max } = hello.protocol;
      const ours = `${sessionProtocol.min} to ${sessionProtocol.max}`;
      const message = `the kernel speaks versions ${ours} of the session protocol, the client ${min} to ${max}`;
      refuse(link, { code: 'PROTOCOL_VERSION', message });
      return;
    }
    const stopped = over ?? loop.over();
    if (stopped !== undefined) return close(link, dataOf(stopped), false);
    link.phase = 'attaching';
    const { resume } = hello;
    const secret = resume?.secret ?? link.bound?.secret ?? names.random();
    const opened = resume?.session ?? link.bound?.session ?? (await open(link.privileged, secret));
    // A link may have ended meanwhile; its session then has nobody.
    if (typeof opened !== 'string') return attachFailed(link, opened);
    if (!isStill(link, 'attaching')) return abandon(opened, resume === undefined);
    const attachment = await attachTo(link, opened, secret, resume?.received ?? 0);
    if ('code' in attachment) return attachFailed(link, attachment);
    if (!isStill(link, 'attaching')) {
      // Unless another link has it by now.
      if (!links.has(opened)) detach(opened);
      return;
    }
    welcome(link, opened, attachment, protocol, {
      ...(resume === undefined && { secret }),
      resumed: resume !== undefined,
    });
  };

  /** After an await. */
  const isStill = (link: Link, phase: Link['phase']): boolean => link.phase === phase;

  /** Nobody came for a session that was made or taken up. */
  const abandon = (session: EndpointId, isNew: boolean): void => {
    if (isNew && loop.over() === undefined) loop.feed({ type: 'session-end', session });
  };

  const attachFailed = (link: Link, error: ErrorData): void => {
    if (link.phase !== 'attaching') return;
    const { session } = link;
    if (session !== undefined && links.get(session) === link) {
      links.delete(session);
      detach(session);
    }
    delete link.session;
    link.phase = 'new';
    refuse(link, error);
  };

  const open = async (
    privileged: boolean,
    secret: string,
    rest: { parent?: EndpointId; give?: string[] } = {},
  ): Promise<EndpointId | ErrorData> => {
    const secretHash = names.secretHash(secret);
    const outcome = await loop.request({ type: 'session-open', secretHash, privileged, ...rest });
    return outcome.type === 'done' ? (outcome.result as EndpointId) : errorOf(outcome);
  };

  const attachTo = async (
    link: Link,
    session: EndpointId,
    secret: string,
    given: number,
  ): Promise<Attachment | ErrorData> => {
    const secretHash = names.secretHash(secret);
    const known = loop.rows().sessions.get(session);
    // Not before the client has shown that the session is its own.
    const isIts = known?.secretHash === secretHash;
    if (!isIts) return expired;
    takeOver(session, link);
    link.session = session;
    link.privileged = known.privileged;
    const outcome = await loop.request({
      type: 'session-attach',
      session,
      secretHash,
      received: given,
    });
    return outcome.type === 'done' ? (outcome.result as Attachment) : errorOf(outcome);
  };

  const takeOver = (session: EndpointId, link: Link): void => {
    const other = links.get(session);
    links.set(session, link);
    const message = 'another connection has taken the session over';
    if (other !== undefined) close(other, { code: 'SESSION_TAKEN', message }, false);
    clearTimeout(graces.get(session));
    graces.delete(session);
  };

  const adminOf = (session: EndpointId): object => {
    let admin = admins.get(session);
    if (admin === undefined) {
      admin = powers.makeAdmin({
        session,
        progress: (progress, step) => {
          const link = links.get(session);
          if (link?.phase === 'open') {
            link.post({
              type: 'event',
              event: { type: 'progress', progress, step: step as never },
            });
          }
        },
        connect: async (krefs) => {
          const secret = names.random();
          const made = await open(false, secret, { parent: session, give: krefs });
          if (typeof made !== 'string') throw new KernelError(made.code, made.message);
          beginGrace(made);
          return { session: made, secret };
        },
      });
      // A session may have ended while its call was on the way.
      if (loop.rows().sessions.has(session)) admins.set(session, admin);
    }
    return admin;
  };

  const welcome = (
    link: Link,
    session: EndpointId,
    { received: last, closedBelow, frames, admin }: Attachment,
    protocol: number,
    about: { secret?: string; resumed: boolean },
  ): void => {
    link.phase = 'open';
    link.received = last;
    link.acked = last;
    link.post({
      type: 'welcome',
      protocol,
      session,
      ...about,
      received: last,
      closedBelow,
      ...(admin !== undefined && { admin }),
      window: { frames: limits.sessionWindowFrames, chars: limits.sessionWindowChars },
      storeId: names.storeId(),
      epoch: names.epoch(),
      storage: powers.storage,
    });
    const told = frames.at(-1)?.seq ?? 0;
    for (const frame of [...frames, ...link.held.filter(({ seq }) => seq > told)]) {
      link.post(wording.frame(link, frame));
    }
    link.held.length = 0;
    statusTimer ??= setTimeout(tellStatus, 0);
  };

  const openInner = (
    link: Link,
    { channel, session, secret }: ToHost & { type: 'channel-open' },
  ): void => {
    if (link.bound !== undefined || link.channels.has(channel)) {
      violated(link, `there is a channel ${channel} already, or channels within channels`);
      return;
    }
    if (link.channels.size >= limits.sessionChannelsMax) {
      link.post({ type: 'channel-close', channel });
      return;
    }
    const inner: Inner = { receive: () => {}, closed: () => {} };
    link.channels.set(channel, inner);
    serve(
      {
        post: (message) => {
          if (link.phase === 'open') link.post({ type: 'channel', channel, message });
        },
        listen(onMessage, onClose) {
          inner.receive = onMessage;
          inner.closed = onClose;
        },
        close() {
          if (!link.channels.delete(channel) || link.phase !== 'open') return;
          link.post({ type: 'channel-close', channel });
        },
      },
      { privileged: false, bound: { session, secret } },
    );
  };

  const serve = (channel: SessionChannel, options: ServeOptions): void => {
    const link = makeLink(channel, options, log);
    every.add(link);
    channel.listen(
      (message) => receive(link, message),
      () => lost(link),
    );
  };

  /** Sessions that an earlier run of the kernel left wait for their clients. */
  const start = (): void => {
    const { sessions } = loop.rows();
    for (const session of sessions.ids()) {
      oldFrames.set(session, sessions.getRequired(session).sent);
      beginGrace(session);
    }
  };

  return {
    serve,
    adminOf,

    start,

    fromKernel(effect: SessionEffect): void {
      if (effect.type === 'vat-version') {
        risen.set(effect.vatId, effect.version);
        return;
      }
      const link = links.get(effect.session);
      switch (effect.type) {
        case 'to-session':
          if (link?.phase === 'attaching') link.held.push(effect.frame);
          else if (link?.phase === 'open') tellFrame(link, effect.frame);
          return;
        case 'session-received':
          if (link !== undefined) noteCommitted(link, effect.received);
          return;
        case 'session-over': {
          clearTimeout(graces.get(effect.session));
          graces.delete(effect.session);
          admins.delete(effect.session);
          oldFrames.delete(effect.session);
          const { error = { code: 'SESSION_CLOSED', message: 'the session has ended' } as const } =
            effect;
          if (link !== undefined) close(link, error, false);
        }
      }
    },

    onCommit(): void {
      if (risen.size > 0) tellAllVersions();
      tellStatusSoon();
    },

    /** The status may be another one, without a commit. */
    onStatus: tellStatusSoon,

    /** See {@link EventLoopPowers.onSetback}. */
    onSetback(error: KernelError, what: 'restarted' | 'emptied' | 'over'): void {
      for (const timer of graces.values()) clearTimeout(timer);
      graces.clear();
      const isLost = what === 'over' && powers.storage === 'memory';
      const lostStore: ErrorData = {
        code: 'STORE_LOST',
        message: `a kernel without storage has ended: ${error.message}`,
      };
      const isKept = what === 'restarted' || (what === 'over' && !isLost);
      for (const link of [...every]) close(link, isLost ? lostStore : dataOf(error), isKept);
      links.clear();
      admins.clear();
      risen.clear();
      toldVersions.clear();
      clearTimeout(statusTimer);
      statusTimer = undefined;
      names.beginEpoch();
      if (what === 'over') over = error;
      else if (what === 'restarted') start();
    },
  };
}

const dataOf = ({ code, message, data }: KernelError): ErrorData => ({ code, message, data });

const expired: ErrorData = {
  code: 'SESSION_EXPIRED',
  message: 'there is no such session to take up again: it has ended, or another store is in use',
};

const errorOf = (outcome: Outcome): ErrorData =>
  outcome.type === 'failed'
    ? outcome.error
    : { code: 'INTERNAL_ERROR', message: `the kernel answered ${outcome.type}` };

export type SessionServer = ReturnType<typeof makeSessionServer>;
