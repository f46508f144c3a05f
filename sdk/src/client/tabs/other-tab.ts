/** A session with the kernel's worker of another tab, on a BroadcastChannel of its own. */
import { KernelError } from '../../errors.js';
import { limits } from '../../limits.js';
import { randomId, tabNames, type Leader, type OpenMessage } from '../../protocol/tab-wire.js';
import type { RendezvousMessage } from '../../protocol/tab-wire.js';
import type { Channel, ChannelEvents } from '../channel.js';
import { KernelMoved } from '../errors.js';
import { acquireLock } from './locks.js';

const SEEK_MS = 500;

/** As much as is read here of what a leader says, be it sound or not. */
type Answer = { type?: unknown; error?: { code?: unknown } } | null;

export type OtherTab = {
  leader: Leader;
  listen: (events: ChannelEvents) => Channel;
  close: () => void;
};

/**
 * Seeks the worker that has the kernel, until `signal` is aborted.
 *
 * @throws KernelError LEADER_UNRESPONSIVE where nobody answers for too long while a tab leads.
 */
export async function seekLeader(
  name: string,
  rendezvous: BroadcastChannel,
  signal: AbortSignal,
): Promise<OtherTab> {
  const id = randomId();
  const session = tabNames(name).session(id);
  const free = await acquireLock(session, signal);
  const channel = new BroadcastChannel(session);
  const close = (): void => {
    channel.close();
    free();
  };
  try {
    const leader = await opened(channel, rendezvous, id, signal);
    return {
      leader,
      close,
      listen({ onMessage, onLost }) {
        let isWelcome = false;
        channel.onmessage = ({ data }: MessageEvent<Answer>) => {
          if (data?.type === 'welcome') isWelcome = true;
          // It was about to go when this tab found it: soon another one leads.
          if (!isWelcome && data?.error?.code === 'KERNEL_STOPPED')
            setTimeout(() => onLost(new KernelMoved()), SEEK_MS);
          else onMessage(data);
        };
        channel.onmessageerror = () => onLost(new Error('it sent what cannot be read'));
        return {
          post: (message) => channel.postMessage(message),
          close,
          finish: async () => close(),
        };
      },
    };
  } catch (thrown) {
    close();
    throw thrown;
  }
}

function opened(
  channel: BroadcastChannel,
  rendezvous: BroadcastChannel,
  id: string,
  signal: AbortSignal,
): Promise<Leader> {
  return new Promise((resolve, reject) => {
    const seek = (): void =>
      rendezvous.postMessage({ type: 'seek', id } satisfies RendezvousMessage);
    // By turns, not by a clock: a tab that slept has not waited.
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
      if (turns * SEEK_MS > limits.leaderSilenceMs) settle(() => reject(unresponsive()));
      else seek();
    }, SEEK_MS);
    const hear = ({ data }: MessageEvent<RendezvousMessage | null>): void => {
      if (data?.type === 'wait' && data.id === id) turns = 0;
      else if (data?.type === 'leader') seek();
    };
    const abort = (): void => settle(() => reject(signal.reason as Error));
    const settle = (how: () => void): void => {
      clearInterval(timer);
      channel.onmessage = null;
      rendezvous.removeEventListener('message', hear);
      signal.removeEventListener('abort', abort);
      how();
    };
    channel.onmessage = ({ data }: MessageEvent<OpenMessage>) => settle(() => resolve(data.leader));
    rendezvous.addEventListener('message', hear);
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    else seek();
  });
}

const unresponsive = (): KernelError =>
  new KernelError(
    'LEADER_UNRESPONSIVE',
    'The tab that has the kernel does not answer. Close it, or try again',
  );
