/**
 * The program of a kernel's worker in a browser. It waits for its page's `start`, takes the store when no other worker
 * has it, makes a kernel, and serves the sessions of all tabs until it is told to resign.
 */
import { KernelError, isKernelError } from '../../errors.js';
import { counterPrefix } from '../../kernel/rows.js';
import { limits } from '../../limits.js';
import type { RemoteCommsOptions } from '../../protocol/comms-options.js';
import { sessionProtocol, type RefusedMessage } from '../../protocol/session-wire.js';
import { isNewer, release, storeSchema, tabNames } from '../../protocol/tab-wire.js';
import type {
  FromKernelWorker,
  Leader,
  RendezvousMessage,
  ToKernelWorker,
} from '../../protocol/tab-wire.js';
import type { Change, Durability } from '../../store/kv-store.js';
import { makeSQLKernelDatabase, type WasmDatabase } from '../../store/sqlite-wasm.js';
import { countOn, type Rows } from '../adopt-store.js';
import { messageOf } from '../bundles.js';
import type { KernelOptions } from '../kernel-types.js';
import { Kernel } from '../kernel.js';
import type { PortLike } from '../session-channel.js';
import { PlatformServicesClient } from './platform-services.js';
import { makeStoreRequests, type StoreRequests } from './store-requests.js';
import { makeTabChannel } from './tab-channel.js';
import { parseUrlOptions } from './url-options.js';

export type ServeKernelOptions = KernelOptions & {
  /** `memory`: nothing is kept. Default `file`, where the browser has files for pages. */
  storage?: 'file' | 'memory';
  /** Default `normal`: what is acknowledged survives the tab. `full`: a power failure, too. */
  durability?: Durability;
  /** Begins to talk to other kernels as soon as there is one here: what `initRemoteComms` takes. */
  remoteComms?: RemoteCommsOptions;
  /** Kernel services by name: objects of this worker with methods that vats may call. */
  services?: { readonly [name: string]: object };
};

/** What the worker's program gives: for instance SQLite's module, which it carries inside. */
export type ServeKernelPowers = {
  wasmBinary?: () => Promise<Uint8Array>;
};

/** What of a dedicated worker's global object is used; the page's own types know only a window. */
type KernelWorkerScope = {
  postMessage(message: FromKernelWorker): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<ToKernelWorker>) => void): void;
  close(): void;
};

type Start = ToKernelWorker & { type: 'start' };

export type KernelServer = {
  /**
   * Gives the options with which this worker's kernel will start. To be called once, at the top of the worker's program.
   *
   * @throws TypeError where the kernel has started, or has been given options already.
   */
  serveKernel: (options: ServeKernelOptions | Promise<ServeKernelOptions>) => void;
};

/** Listens to the page that made this worker. To be called as the worker's program is evaluated. */
export function makeKernelServer(
  scope: KernelWorkerScope,
  { wasmBinary }: ServeKernelPowers = {},
): KernelServer {
  let given: ServeKernelOptions | Promise<ServeKernelOptions> | undefined;
  let started: Promise<() => Promise<void>> | undefined;

  const start = async (message: Start): Promise<() => Promise<void>> => {
    const names = tabNames(message.name);
    await acquire(names.life(message.id));
    const sessions = serveTabs(message, scope);
    const freeStore = await acquire(names.store);
    const end = async (kernel?: Kernel): Promise<void> => {
      sessions.rest();
      await kernel?.stop();
      sessions.close();
      freeStore();
      scope.postMessage({ type: 'stopped' });
      scope.close();
    };
    try {
      const options = (await given) ?? {};
      const { kernel, requests } = await startKernel(message, options, {
        wasmBinary: await wasmBinary?.(),
        onReplaced: () => void end(),
      });
      sessions.open((port, onEnd) => kernel.serveClient(requests.within(port), onEnd && { onEnd }));
      return () => end(kernel);
    } catch (thrown) {
      // Tabs that are as new as the store can still have a kernel.
      if (isNewerStore(thrown)) scope.postMessage({ type: 'outdated' });
      else sessions.refuse(thrown);
      return () => end();
    }
  };

  scope.addEventListener('message', ({ data }) => {
    if (data.type === 'start') {
      // Not before the program has been evaluated to its end: it may call serveKernel.
      started ??= Promise.resolve().then(() => start(data));
    } else void started?.then((end) => end());
  });

  return {
    serveKernel(options) {
      if (started !== undefined || given !== undefined)
        throw new TypeError(
          'serveKernel takes the options of one kernel, once, before it starts: call it at the top of the ' +
            "worker's program, without an await before it. Options that come later may be a promise",
        );
      given = options;
      // Whoever starts the kernel hears of it.
      Promise.resolve(given).catch(() => undefined);
    },
  };
}

type Started = { kernel: Kernel; requests: StoreRequests };

async function startKernel(
  { name, takesOver, sandbox }: Start,
  given: ServeKernelOptions,
  { wasmBinary, onReplaced }: { wasmBinary: Uint8Array | undefined; onReplaced: () => void },
): Promise<Started> {
  const {
    storage,
    durability,
    services = {},
    remoteComms,
    resetStorage,
    ...options
  } = { ...parseUrlOptions(globalThis.location.search), ...given };
  const openDatabase = (): Promise<WasmDatabase> =>
    makeSQLKernelDatabase({
      dbFilename: storage === 'memory' ? ':memory:' : name,
      // The lock is ours, so whoever has the files is on its way out.
      lockWaitMs: limits.storeHeldMs,
      ...(durability !== undefined && { durability }),
      ...(wasmBinary !== undefined && { wasmBinary }),
    });
  const database = await openDatabase();
  try {
    const platform = await PlatformServicesClient.make(globalThis, { sandbox });
    const kernel = await Kernel.make(platform, database, {
      ...options,
      // A tab that only takes over from another is no new start of the app.
      resetStorage: resetStorage === true && !takesOver,
    });
    for (const [service, object] of Object.entries(services))
      kernel.registerKernelServiceObject(service, object);
    if (remoteComms !== undefined) await kernel.initRemoteComms(remoteComms);
    const replace = async (rows: Rows): Promise<void> => {
      await kernel.stop();
      replaceRows(await openDatabase(), rows);
    };
    return { kernel, requests: makeStoreRequests({ database, wasmBinary, replace, onReplaced }) };
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

/** In one commit: the store is the old one or the new one, whatever happens. */
function replaceRows(database: WasmDatabase, rows: Rows): void {
  try {
    const next = countOn(rows, database.scan(counterPrefix));
    const kept = new Set(next.map(([key]) => key));
    const gone = database.keys('').filter((key) => !kept.has(key));
    database.commit([...gone.map((key): Change => [key, null]), ...next], { sync: true });
  } finally {
    database.close();
  }
}

/** Takes a lock, when it is free. Returns what lets go of it. */
function acquire(name: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    navigator.locks
      .request(name, () => new Promise<void>((free) => resolve(free)))
      .catch((cause: unknown) => reject(cause as Error));
  });
}

/** Collects the channels of tabs while the kernel starts, then has it serve them. */
function serveTabs({ name, id: own, session }: Start, scope: KernelWorkerScope) {
  const names = tabNames(name);
  const leader: Leader = { id: own, release, schema: storeSchema };
  const rendezvous = new BroadcastChannel(names.rendezvous);
  const say = (message: RendezvousMessage): void => rendezvous.postMessage(message);
  /** Of tabs that were answered, as long as they are there. */
  const known = new Set<string>();
  let serve: ((port: PortLike, onEnd?: () => void) => void) | undefined;

  const open = (id: string): void => {
    if (known.has(id)) return;
    known.add(id);
    serve?.(makeTabChannel(names.session(id), leader), () => known.delete(id));
  };
  rendezvous.onmessage = ({ data }: MessageEvent<RendezvousMessage | null>) => {
    if (data?.type === 'seek') {
      if (serve === undefined) say({ type: 'wait', id: data.id });
      else open(data.id);
    } else if (data?.type === 'hand-over' && isNewer(data.release, release)) {
      scope.postMessage({ type: 'superseded', release: data.release });
    }
  };
  scope.postMessage({ type: 'alive' });

  const begin = (how: NonNullable<typeof serve>): void => {
    serve = how;
    how(session);
    // Whoever seeks does so again.
    say({ type: 'leader', ...leader });
  };

  return {
    open: begin,
    /** Whatever a client says hears why there is no kernel. */
    refuse(thrown: unknown): void {
      const refused = refusalOf(thrown);
      begin((port) => {
        port.addEventListener?.('message', () => port.postMessage(refused));
        port.start?.();
      });
    },
    /** Tabs that seek a kernel wait from now on: for this worker's end, and the next leader. */
    rest(): void {
      serve = undefined;
    },
    close(): void {
      rendezvous.close();
    },
  };
}

function refusalOf(thrown: unknown): RefusedMessage {
  const { code, message, data } = isKernelError(thrown)
    ? thrown
    : new KernelError('INTERNAL_ERROR', `the kernel did not start: ${messageOf(thrown)}`);
  return {
    type: 'refused',
    error: { code, message, ...(data !== undefined && { data }) },
    protocol: { ...sessionProtocol },
  };
}

function isNewerStore(thrown: unknown): boolean {
  if (!isKernelError(thrown, 'STORE_FAILED')) return false;
  const { found, known } = (thrown.data ?? {}) as { found?: number; known?: number };
  return found !== undefined && known !== undefined && found > known;
}
