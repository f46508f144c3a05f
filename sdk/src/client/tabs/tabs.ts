/**
 * Which tab runs the kernel. Each tab that uses it stands for election; the one that is elected starts the worker, the
 * others have sessions with that. See protocol/tab-wire.ts for what they say.
 */
import { KernelError } from '../../errors.js';
import { isNewer, release, storeSchema, tabNames } from '../../protocol/tab-wire.js';
import type { RendezvousMessage } from '../../protocol/tab-wire.js';
import type { Openable } from '../channel.js';
import { KernelMoved } from '../errors.js';
import { acquireLock, tryLock } from './locks.js';
import { seekLeader, type OtherTab } from './other-tab.js';
import { startOwnWorker, type OwnWorker } from './own-worker.js';
import { openSandbox, type Sandbox } from './sandbox.js';
import { makeStoreRequests, type AskStore } from './store-requests.js';
import { watchVisibility } from './visibility.js';

/** Milliseconds for which a tab stands back when a newer one wants to lead. */
const STAND_BACK_MS = 2_000;

export type Tabs = {
  /** A channel's other end: the tab's own worker where it leads, another tab's where not, or the port that `worker` gave. */
  open: () => Promise<unknown>;
  /** The tab uses the kernel no more, until it opens anew. */
  leave: () => void;
  /** The whole store, or its replacement; where there is a channel. */
  askStore: AskStore;
};

/** Of a tab that uses the kernel. */
type Presence = {
  /** Closed while the page is put aside: it would not be kept for long if it heard anything. */
  rendezvous?: BroadcastChannel | undefined;
  visibility: ReturnType<typeof watchVisibility>;
  /** Queued for the election. */
  standing?: AbortController | undefined;
  standBackTimer?: ReturnType<typeof setTimeout> | undefined;
  lead?: { own?: OwnWorker; free: () => void } | undefined;
  /** The worker is on its way, and cannot say so itself yet. */
  isStarting: boolean;
  seeking?: AbortController | undefined;
  session?: OtherTab | undefined;
  /** Whoever has the present channel. */
  tellLost?: ((cause: Error) => void) | undefined;
};

export type TabsOptions = {
  name: string;
  worker: () => unknown;
  sandbox?: (() => string | URL) | undefined;
};

export function makeTabs({ name, worker, sandbox }: TabsOptions): Tabs {
  const requests = makeStoreRequests();
  const { ask: askStore } = requests;
  if (!hasTabs())
    return { open: async () => insistOneTab(await worker()), leave: () => {}, askStore };
  const names = tabNames(name);
  let here: Presence | undefined;
  /** Was there a kernel before this tab's own worker has one? */
  let takesOver = false;

  const say = (message: RendezvousMessage): void => here?.rendezvous?.postMessage(message);

  // Coming and going

  const join = (): Presence => {
    here ??= { visibility: watchVisibility(putAside), isStarting: false };
    return here;
  };

  const listen = (tab: Presence): void => {
    if (tab.rendezvous !== undefined) return;
    tab.rendezvous = new BroadcastChannel(names.rendezvous);
    tab.rendezvous.addEventListener('message', hear);
  };

  const unlisten = (tab: Presence): void => {
    tab.rendezvous?.close();
    tab.rendezvous = undefined;
  };

  const leave = (): void => {
    const tab = here;
    if (tab === undefined) return;
    here = undefined;
    requests.close();
    standDown(tab);
    clearTimeout(tab.standBackTimer);
    tab.seeking?.abort(new Error('this tab has left'));
    tab.lead?.free();
    unlisten(tab);
    tab.visibility.stop();
  };

  /** The page is frozen or kept for the back button: it must not hold what others wait for. */
  const putAside = (): void => {
    const tab = here as Presence;
    resign(tab);
    standDown(tab);
    tab.session?.close();
    unlisten(tab);
    moved(tab, new KernelMoved('the page was put aside'));
  };

  /** The channel that there is, or is being sought, is of no use any more. */
  const moved = (tab: Presence, cause: Error = new KernelMoved('the kernel has moved')): void => {
    const { tellLost, seeking } = tab;
    tab.tellLost = tab.seeking = tab.session = undefined;
    requests.close();
    seeking?.abort(cause);
    tellLost?.(cause);
  };

  // The election

  const stand = (tab: Presence): void => {
    const candidate = (tab.standing = new AbortController());
    acquireLock(names.elect, candidate.signal).then(
      (free) => {
        if (tab.standing !== candidate) return free();
        tab.standing = undefined;
        tab.lead = { free };
        moved(tab);
      },
      () => undefined,
    );
  };

  const standDown = (tab: Presence): void => {
    tab.standing?.abort();
    tab.standing = undefined;
  };

  /** A newer tab wants to lead: it is to be queued before this one. */
  const standBack = (tab: Presence): void => {
    standDown(tab);
    clearTimeout(tab.standBackTimer);
    tab.standBackTimer = setTimeout(() => {
      tab.standBackTimer = undefined;
      if (here === tab && tab.lead === undefined) stand(tab);
    }, STAND_BACK_MS);
  };

  /** Gives the kernel up. Its store's lock keeps the next worker waiting until this tab's is done. */
  const resign = (tab: Presence): void => {
    const { lead } = tab;
    tab.lead = undefined;
    void lead?.own?.resign();
    lead?.free();
  };

  const hear = ({ data }: MessageEvent<RendezvousMessage | null>): void => {
    const tab = here;
    if (tab === undefined) return;
    if (data?.type === 'hand-over' && isNewer(data.release, release)) {
      if (tab.lead === undefined) standBack(tab);
    } else if (data?.type === 'seek' && tab.isStarting) say({ type: 'wait', id: data.id });
    else if (data?.type === 'leader' && tab.session && tab.session.leader.id !== data.id)
      moved(tab);
  };

  // Channels

  const open = async (): Promise<unknown> => {
    const tab = join();
    await tab.visibility.shown();
    insistHere(tab);
    listen(tab);
    tab.session = tab.tellLost = undefined;
    if (!(tab.lead ?? tab.standing ?? tab.standBackTimer)) {
      const free = await tryLock(names.elect);
      if (here !== tab) free?.();
      insistHere(tab);
      if (free !== undefined) tab.lead = { free };
      else {
        takesOver = true;
        stand(tab);
      }
    }
    return tab.lead === undefined ? openOther(tab) : openOwn(tab, tab.lead);
  };

  const insistHere = (tab: Presence): void => {
    if (here !== tab) throw new Error('this tab has left');
  };

  const openOwn = async (tab: Presence, lead: NonNullable<Presence['lead']>): Promise<unknown> => {
    tab.isStarting = true;
    const [made, frame] = await Promise.resolve()
      .then(() => openBoth(worker, sandbox))
      .finally(() => (tab.isStarting = false));
    if (!isBrowserWorker(made)) {
      // A port to a kernel that the app has made itself: there is nothing to elect.
      if (here === tab) leave();
      frame?.close();
      return made;
    }
    if (here !== tab || tab.lead !== lead) {
      made.terminate();
      frame?.close();
      insistHere(tab);
      return open();
    }
    tab.isStarting = true;
    lead.own = startOwnWorker(made, {
      name,
      takesOver,
      sandbox: frame,
      alive: () => (tab.isStarting = false),
      outdated() {
        resign(tab);
        moved(tab, reloadNeeded());
      },
      superseded() {
        resign(tab);
        standBack(tab);
        moved(tab);
      },
    });
    takesOver = true;
    return watched(tab, lead.own);
  };

  const openOther = async (tab: Presence): Promise<unknown> => {
    const { signal } = (tab.seeking = new AbortController());
    let session;
    try {
      session = await seekLeader(name, tab.rendezvous as BroadcastChannel, signal);
    } catch (thrown) {
      if (here === tab && thrown instanceof KernelMoved) return open();
      throw thrown;
    }
    tab.seeking = undefined;
    if (session.leader.schema > storeSchema) {
      session.close();
      throw reloadNeeded();
    }
    tab.session = session;
    if (isNewer(release, session.leader.release)) say({ type: 'hand-over', release });
    return watched(tab, session);
  };

  const watched = (tab: Presence, { listen }: Openable): Openable => ({
    listen(events) {
      const channel = listen(requests.within(events));
      tab.tellLost = events.onLost;
      requests.open(channel);
      return channel;
    },
  });

  return { open, leave, askStore };
}

async function openBoth(
  worker: () => unknown,
  sandbox: TabsOptions['sandbox'],
): Promise<[worker: unknown, frame: Sandbox | undefined]> {
  const frame = sandbox && (await openSandbox(sandbox()));
  try {
    return [await worker(), frame];
  } catch (thrown) {
    frame?.close();
    throw thrown;
  }
}

/** Are there tabs here, whose kernel's worker would be a browser's? */
const hasTabs = (): boolean =>
  typeof Worker === 'function' &&
  typeof BroadcastChannel === 'function' &&
  typeof navigator === 'object' &&
  'locks' in navigator;

const isBrowserWorker = (target: unknown): target is Worker =>
  typeof Worker === 'function' && target instanceof Worker;

/** What is no browser's worker needs no election. */
function insistOneTab(target: unknown): unknown {
  if (!isBrowserWorker(target)) return target;
  target.terminate();
  throw Object.defineProperty(
    new KernelError(
      'UNSUPPORTED_ENVIRONMENT',
      'A kernel in a browser needs navigator.locks and BroadcastChannel, which pages have that are served by https or ' +
        'from localhost, in browsers since 2022',
    ),
    'name',
    { value: 'UnsupportedEnvironmentError' },
  );
}

const reloadNeeded = (): KernelError =>
  new KernelError('PROTOCOL_VERSION', 'The kernel is newer than this page: reload the page', {
    data: { reload: true },
  });
