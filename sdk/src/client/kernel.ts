/** A kernel as a page has it: launches, refs, news. What is called goes through one session. */
import { limits } from '../limits.js';
import type { ClusterConfig } from '../protocol/config.js';
import { describe } from '../protocol/describe.js';
import type { InterfaceDefinition, SubclusterDefinition } from '../protocol/definition.js';
import type { PeerStatus } from '../protocol/peer-status.js';
import type {
  LaunchRequest,
  LaunchStep,
  LaunchValue,
  VatVersions,
  WireStatus,
} from '../protocol/session-wire.js';
import { REPEATS_MAX, makeAsk } from './ask.js';
import { makeConnection, type Phase } from './connection.js';
import type { Powers } from './powers.js';
import { loadedOnce } from './load.js';
import type { Tabs } from './tabs/tabs.js';
import type { CallOptions, Origin, Remote, Untyped, VersionsListener } from './types.js';

/** A browser's Worker or MessagePort, or Node's. */
export type WorkerLike = { postMessage(message: unknown): void };

export type KernelClientOptions = {
  /**
   * Makes the worker in which the kernel runs, or gives a port to it. It is called when the client is first used, and
   * again when the worker was lost: then it should make another.
   */
  worker: () => WorkerLike | Promise<WorkerLike>;
  /** One kernel for each origin and name. Default `default`. */
  name?: string;
  /**
   * In a browser: gives the URL of `vat-sandbox.html`, which the package ships and the app serves. Vats then run in a frame
   * of an opaque origin and without a network.
   */
  sandbox?: () => string | URL;
  /** Milliseconds until a worker that has not answered is given up. Default 30,000. */
  startTimeoutMs?: number;
};

/** What is true at one moment; never changed, but replaced as a whole. */
export type ClientStatus = {
  readonly phase: Phase;
  /** Why, where the phase is `failed`, `reload-required` or `closed`. */
  readonly error?: Error | undefined;
  /** `memory`: nothing outlives the kernel. Absent before the first `ready`. */
  readonly storage?: 'file' | 'memory';
  /** Another one after a reset: what was known of the store is void. */
  readonly storeId?: string;
  /** Of one run of the kernel: versions of vats mean nothing beyond it. */
  readonly epoch?: string;
  readonly vats: readonly Readonly<WireStatus['vats'][number]>[];
  readonly subclusters: readonly Readonly<WireStatus['subclusters'][number]>[];
  /**
   * How it stands with other kernels, by their ids: those whose ocap URLs were redeemed, to which a connection was asked
   * for, or whose addresses were told; of many, the last. Absent before the first `ready`.
   */
  readonly peers?: Readonly<WireStatus['peers']>;
  /** Launches under way that this client asked for, by name, with the last step of each. */
  readonly launching: { readonly [name: string]: LaunchStep | undefined };
};

export type LaunchOptions = {
  /** What it is launched as. Default: the definition's name. */
  as?: string;
  /** What to do where the name runs with another definition. Default `upgrade`. */
  onChange?: 'upgrade' | 'keep' | 'error';
  /** With `upgrade`: vats that the new definition lacks are terminated; else they are an error. */
  allowRemoval?: boolean;
  /** Goes back to a definition that the name had before. */
  rollback?: boolean;
  onProgress?: (step: LaunchStep) => void;
} & CallOptions;

export type Launched<Root> = {
  /** The root of the bootstrap vat. */
  root: Remote<Root>;
  /** The root of every vat, by name. */
  roots: { [vat: string]: Remote };
  subclusterId: string;
  action: LaunchValue['action'];
  /** What `bootstrap` returned when it was launched. */
  bootstrapResult: unknown;
};

/** The methods of `Kernel` that can be called from afar. */
export type AdminOf<Kernel> = {
  readonly [
    M in keyof Kernel as Kernel[M] extends (...args: never[]) => unknown ? M : never
  ]: Kernel[M] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Awaited<Result>>
    : never;
};

export type UntypedAdmin = { readonly [method: string]: (...args: unknown[]) => Promise<unknown> };

export type KernelClient<Admin = UntypedAdmin> = {
  readonly name: string;
  /** A frozen snapshot; the same object as long as nothing changes. */
  readonly status: ClientStatus;
  /** Calls `listener` after each change of `status`. Returns a function that stops it. */
  readonly subscribe: (listener: () => void) => () => void;
  /** Starts the kernel if it is not running. @throws WorkerStartError, KernelClosedError. */
  readonly ready: () => Promise<void>;
  /**
   * The subcluster of a name: the one that runs, or a new one. The name of a plain configuration is that of its
   * bootstrap vat.
   *
   * @throws KernelError UPGRADE_FAILED, LAUNCH_FAILED, START_FAILED, BAD_CONFIG, INTERFACE_MISMATCH.
   */
  readonly launch: <Root = Untyped>(
    definition: SubclusterDefinition<Root> | { name: string; config: unknown } | ClusterConfig,
    options?: LaunchOptions,
  ) => Promise<Launched<Root>>;
  /** Terminates the subcluster of a name, with its state. Was there one? */
  readonly terminate: (name: string) => Promise<boolean>;
  /** A ref to the object of a kref. @throws KernelError NOT_FOUND, OBJECT_DELETED. */
  readonly ref: <Interface = Untyped>(kref: string) => Promise<Remote<Interface>>;
  /** The kref of a ref, for `admin`. */
  readonly krefOf: (ref: object) => Promise<string>;
  /** An ocap URL of the object. */
  readonly issue: (ref: object) => Promise<string>;
  /** The object of an ocap URL, with the type of the interface that it is expected to have. */
  readonly redeem: <Interface = Untyped>(
    as: InterfaceDefinition<Interface> | undefined,
    url: string,
  ) => Promise<Remote<Interface>>;
  /** The connection to another kernel: how it stands, and what can be done about it. */
  readonly peer: (peerId: string) => {
    readonly peerId: string;
    /** How it stands with it, and why. */
    readonly status: () => Promise<PeerStatus>;
    /** Tries at once to reach it, at the places given, too, and does not wait until it has. */
    readonly reconnect: (hints?: readonly string[]) => Promise<void>;
    readonly close: () => Promise<void>;
  };
  /** A port for another realm, which reaches these refs and nothing else; there, `acceptPort(port)`. */
  readonly connect: (refs: readonly unknown[]) => Promise<MessagePort>;
  /** The methods of `Kernel`, by krefs. */
  readonly admin: Admin;
  /**
   * Versions of vats that answers touched, as they rise; `undefined` at each beginning and resumption of the session:
   * then anything may have changed. Returns a function that stops it.
   */
  readonly onVersions: Origin['onVersions'];
  /**
   * In a browser: the whole store, as one file. It is a SQLite database, which a kernel on Node can use as it is.
   *
   * @throws KernelError UNSUPPORTED_ENVIRONMENT, STORE_FAILED.
   */
  readonly exportStore: () => Promise<Blob>;
  /**
   * In a browser: replaces the store by an exported one, all or nothing. The kernel begins anew on it, in every tab: refs
   * break with SESSION_EXPIRED, and things are launched again from their names.
   *
   * @throws KernelError BAD_CONFIG or STORE_FAILED where the file is no sound store, or a newer one's: then nothing changes.
   */
  readonly importStore: (file: Blob) => Promise<void>;
  /** Ends the session and the worker. */
  readonly close: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

/**
 * A client of the kernel that runs in a worker. It starts nothing until it is used.
 *
 *     const kernel = createKernel({ worker: () => new Worker(url, { type: 'module' }), name: 'todo' });
 *     const { root } = await kernel.launch(todo);
 */
export function createKernel<Admin = UntypedAdmin>({
  worker,
  sandbox,
  name = 'default',
  startTimeoutMs = limits.workerStartTimeoutMs,
}: KernelClientOptions): KernelClient<Admin> {
  if (typeof worker !== 'function')
    throw new TypeError(
      `createKernel takes worker: () => new Worker(…); found ${describe(worker)}`,
    );
  let status: ClientStatus = deepFreeze({
    phase: 'idle',
    vats: [],
    subclusters: [],
    launching: {},
  });
  const listeners = new Set<() => void>();
  const versionListeners = new Set<VersionsListener>();
  const steps = new Map<number, (step: LaunchStep) => void>();
  let lastProgress = 0;

  const change = (part: Partial<ClientStatus>): void => {
    status = deepFreeze({ ...status, ...part });
    for (const listener of listeners) queueMicrotask(listener);
  };
  const showLaunch = (as: string, step?: LaunchStep): void => {
    const { [as]: _, ...others } = status.launching;
    change({ launching: step ? { ...others, [as]: step } : others });
  };

  const tellVersions = (versions: VatVersions | undefined): void => {
    for (const tell of versionListeners) queueMicrotask(() => tell(versions));
  };
  const origin: Origin = {
    name,
    onVersions(listener) {
      versionListeners.add(listener);
      return () => versionListeners.delete(listener);
    },
  };

  /** The election among tabs, for a realm that may have some: a port needs none. */
  const tabs = loadedOnce(() =>
    import('./tabs/tabs.js').then(({ makeTabs }) => makeTabs({ name, worker, sandbox })),
  );
  let present: Tabs | undefined;
  const connection = makeConnection({
    async open(isWanted) {
      if (typeof Worker !== 'function') return worker();
      present = await tabs();
      return isWanted() && present.open();
    },
    leave: () => present?.leave(),
    startTimeoutMs,
    onNews(news) {
      if (news.type === 'status') change(news.status);
      else if (news.type === 'progress') steps.get(news.progress)?.(news.step);
      else tellVersions(news.versions);
    },
    origin,
  });

  const ask = makeAsk(connection);

  /** What only some apps use of a kernel. */
  const powers = loadedOnce(() =>
    import('./powers.js').then(({ makePowers }) => makePowers({ ask, connection, tabs })),
  );

  const later =
    <Name extends keyof Powers>(which: Name, ...first: unknown[]) =>
    async (...args: unknown[]): Promise<Awaited<ReturnType<Powers[Name]>>> => {
      const power = (await powers())[which] as (...args: unknown[]) => ReturnType<Powers[Name]>;
      return power(...first, ...args) as Promise<Awaited<ReturnType<Powers[Name]>>>;
    };

  const launch = async (
    given: Definition | ClusterConfig,
    options: LaunchOptions = {},
  ): Promise<unknown> => {
    // What is no definition is refused by the kernel, in its words.
    const definition = isConfig(given) ? { name: given.bootstrap, config: given } : { ...given };
    const hot = (globalThis as unknown as HotScope)[Symbol.for('vatkit.hot')];
    const { name: own, config, interfaces } = hot?.(client, definition, options) ?? definition;
    const { as = own, onProgress, signal, timeoutMs, ...how } = options;
    const progress = (lastProgress += 1);
    steps.set(progress, (step) => {
      showLaunch(as, step);
      if (onProgress) queueMicrotask(() => onProgress(step));
    });
    try {
      const request = { name: as, config, progress, ...(interfaces && { interfaces }), ...how };
      return await ask('launch', [request], { repeats: REPEATS_MAX, signal, timeoutMs });
    } finally {
      steps.delete(progress);
      if (as in status.launching) showLaunch(as);
    }
  };

  const client: KernelClient = {
    name,
    get status() {
      return status;
    },
    subscribe(listener) {
      // One function may be subscribed twice, and each stops its own.
      const own = (): void => listener();
      listeners.add(own);
      return () => listeners.delete(own);
    },
    ready: connection.ready,
    launch: launch as KernelClient['launch'],
    terminate: later('terminate'),
    ref: later('ref') as KernelClient['ref'],
    krefOf: later('krefOf'),
    issue: later('issue'),
    redeem: later('redeem') as KernelClient['redeem'],
    peer: (peerId) => ({
      peerId,
      status: later('peerStatus', peerId),
      reconnect: later('reconnectPeer', peerId),
      close: later('closePeer', peerId),
    }),
    connect: later('connect'),
    admin: new Proxy(Object.freeze({}), {
      get: (_target, method) =>
        // Not a thenable, whatever asks.
        typeof method === 'string' && method !== 'then' ? later('askKernel', method) : undefined,
    }),
    onVersions: origin.onVersions,
    exportStore: later('exportStore'),
    importStore: later('importStore'),
    close: connection.close,
    [asyncDispose]: connection.close,
  };
  return Object.freeze(client) as KernelClient<Admin>;
}

const isConfig = (given: Definition | ClusterConfig): given is ClusterConfig =>
  (given as Partial<ClusterConfig> | undefined)?.vats !== undefined;

type Definition = Pick<LaunchRequest, 'name' | 'config' | 'interfaces'>;

/** In development the page knows of newer code than what it has loaded: the dev server puts this there. */
type Hot = (client: unknown, definition: Definition, options: LaunchOptions) => Definition;
type HotScope = { readonly [hot: symbol]: Hot | undefined };

function deepFreeze<Value extends object>(value: Value): Value {
  if (value instanceof Error) return value;
  // What is no object is frozen by nature.
  for (const part of Object.values(value) as object[]) if (!Object.isFrozen(part)) deepFreeze(part);
  return Object.freeze(value);
}

export type AcceptedPort = {
  /** The refs with which the port was made. */
  readonly refs: Remote[];
  readonly close: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/**
 * In another realm: the refs that `kernel.connect(refs)` gave to this port.
 *
 *     const { refs: [reader] } = await acceptPort(port);
 *
 * @throws WorkerStartError where nothing answers at the port.
 */
export async function acceptPort(
  port: WorkerLike,
  { startTimeoutMs = limits.workerStartTimeoutMs }: { startTimeoutMs?: number } = {},
): Promise<AcceptedPort> {
  const connection = makeConnection({ open: () => port, startTimeoutMs });
  await connection.ready();
  const refs = (await connection.session().given()) as Remote[];
  const { close } = connection;
  return Object.freeze({ refs, close, [asyncDispose]: close });
}
