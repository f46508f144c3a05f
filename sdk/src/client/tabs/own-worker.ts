/** The kernel's worker of the leading tab, and the tab's own session with it. */
import { limits } from '../../limits.js';
import { randomId, tabNames } from '../../protocol/tab-wire.js';
import type { FromKernelWorker, ToKernelWorker } from '../../protocol/tab-wire.js';
import type { Channel, ChannelEvents } from '../channel.js';
import { acquireLock } from './locks.js';
import type { Sandbox } from './sandbox.js';

export type WorkerNews = {
  /** It answers on the rendezvous channel itself. */
  alive: () => void;
  /** It has a newer store than it can read. */
  outdated: () => void;
  /** A tab of this newer release wants to lead. */
  superseded: (release: string) => void;
};

export type OwnWorker = {
  listen: (events: ChannelEvents) => Channel;
  /** The worker is to commit and close its store; it is ended when it has, or takes too long. */
  resign: () => Promise<void>;
};

export function startOwnWorker(
  worker: Worker,
  {
    name,
    takesOver,
    sandbox,
    ...news
  }: WorkerNews & { name: string; takesOver: boolean; sandbox: Sandbox | undefined },
): OwnWorker {
  const { port1, port2 } = new MessageChannel();
  const id = randomId();
  const watch = new AbortController();
  let onDeath = (): void => undefined;
  const post = (message: ToKernelWorker, transfer: Transferable[] = []): void =>
    worker.postMessage(message, transfer);
  let isAlive = false;
  let stopped = (): void => undefined;
  const isStopped = new Promise<void>((resolve) => (stopped = resolve));
  let resigning: Promise<void> | undefined;

  worker.addEventListener('message', ({ data }: MessageEvent<FromKernelWorker>) => {
    if (data?.type === 'alive') {
      isAlive = true;
      news.alive();
      // Nothing else tells a page that its worker is gone.
      acquireLock(tabNames(name).life(id), watch.signal).then(
        (free) => {
          free();
          onDeath();
        },
        () => undefined,
      );
    } else if (data?.type === 'outdated') news.outdated();
    else if (data?.type === 'superseded') news.superseded(data.release);
    else if (data?.type === 'stopped') stopped();
  });
  const start: ToKernelWorker = { type: 'start', name, id, takesOver, session: port2 };
  if (sandbox === undefined) post(start, [port2]);
  else post({ ...start, sandbox: sandbox.port }, [port2, sandbox.port]);

  const terminate = (): void => {
    watch.abort();
    port1.close();
    worker.terminate();
    sandbox?.close();
    stopped();
  };
  const resign = (): Promise<void> => {
    resigning ??= (async () => {
      post({ type: 'resign' });
      const timer = setTimeout(stopped, limits.stopTimeoutMs);
      await isStopped;
      clearTimeout(timer);
      terminate();
    })();
    return resigning;
  };

  return {
    resign,
    listen({ onMessage, onLost }) {
      onDeath = () => onLost(new Error('it has ended'));
      port1.onmessage = ({ data }: MessageEvent<unknown>) => onMessage(data);
      port1.onmessageerror = () => onLost(new Error('it sent what cannot be read'));
      worker.addEventListener('error', (event) => {
        // What the app's own code in it does wrong later is told by the console, and is no end of the kernel.
        if (!isAlive) onLost(new Error(event.message || 'its program could not be loaded'));
      });
      worker.addEventListener('messageerror', () =>
        onLost(new Error('it said what cannot be read')),
      );
      return {
        post: (message) => port1.postMessage(message),
        close: terminate,
        finish: resign,
      };
    },
  };
}
