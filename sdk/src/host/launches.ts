/**
 * What a launch needs of the outside before the kernel hears of it: bundles fetched, channels opened. And the
 * subclusters that a kernel's own options name, which it finds again at each start.
 */
import { KernelError } from '../errors.js';
import type { Outcome } from '../kernel/events.js';
import { channelService } from '../kernel/subclusters.js';
import { krefOrder } from '../kernel/rows.js';
import type {
  AllowedGlobalName,
  ClusterConfig,
  IOConfig,
  SystemSubclusterConfig,
} from '../protocol/config.js';
import type { InterfaceInfo } from '../protocol/definition.js';
import type { SubclusterId, VatId, VRef } from '../protocol/refs.js';
import { fetchBundles, messageOf, NoBundleError, type FetchedBundles } from './bundles.js';
import type { EventLoop } from './event-loop.js';
import { parseAllowedHosts } from './host-fetch.js';
import type { HostObjects } from './host-realm.js';
import { makeIOService, type IOChannel, type IOChannelFactory } from './io-channel.js';
import type { Log } from './logger.js';
import type { PlatformServices } from './platform-services.js';

export type LaunchesPowers = {
  loop: EventLoop;
  objects: HostObjects;
  platform: PlatformServices;
  log: Log;
  /** What the kernel answered, or throws it; `fetched` are the bundles of a launch, which the store may not have. */
  read: (outcome: Outcome, fetched?: FetchedBundles) => unknown;
  ioChannelFactory: IOChannelFactory | undefined;
  /** Of the names that a vat's `globals` may have, those that this kernel grants; undefined for all. */
  allowedGlobalNames: readonly AllowedGlobalName[] | undefined;
};

export type LaunchOptions = {
  session: string;
  /** `false`: without the message `bootstrap`. */
  bootstrap?: boolean;
  /** That of a subcluster that was terminated to be launched again. */
  id?: SubclusterId;
  /** Launch as this system subcluster. */
  systemName?: string;
  /** Launch under a name, by which it is found again, and remember what was launched. */
  named?: { name: string; definition: string; interfaces?: readonly InterfaceInfo[] };
};

export function makeLaunches(powers: LaunchesPowers) {
  const { loop, objects, platform, log, read, ioChannelFactory, allowedGlobalNames } = powers;
  const channels = new Map<VRef, IOChannel>();

  const closed = async (vref: VRef): Promise<void> => {
    const channel = channels.get(vref);
    channels.delete(vref);
    await channel?.close().catch((thrown: unknown) => {
      log('warn', ['kernel', 'io'], [`a channel could not be closed: ${messageOf(thrown)}`]);
    });
  };
  const close = (vref: VRef): void => void closed(vref);

  const factoryFor = (config: ClusterConfig): IOChannelFactory => {
    if (ioChannelFactory !== undefined) return ioChannelFactory;
    throw new KernelError(
      'BAD_CONFIG',
      `Cluster config declares IO channels but no IO channel factory was provided to the kernel: ${Object.keys(config.io ?? {}).join(', ')}`,
    );
  };

  type Channels = { [channel: string]: VRef };

  const openChannels = async (
    config: ClusterConfig,
    names: readonly string[] = Object.keys(config.io ?? {}),
  ): Promise<Channels> => {
    const opened: Channels = {};
    try {
      for (const name of names) {
        const options = config.io?.[name] as IOConfig;
        const channel = await factoryFor(config)(name, options);
        const vref = objects.exportObject(makeIOService(name, options, channel));
        channels.set(vref, channel);
        opened[name] = vref;
      }
      return opened;
    } catch (thrown) {
      await closeChannels(opened);
      throw thrown;
    }
  };

  const closeChannels = async (opened: Channels): Promise<void> => {
    await Promise.all(Object.values(opened).map(closed));
  };

  const nameOfChannel = (id: SubclusterId, name: string): VRef =>
    loop.hostVRef(loop.rows().services.getRequired(channelService(id, name)).kref);

  /** Opens a channel that the store knows. After a start, calls to it wait meanwhile. */
  const reopen = async (id: SubclusterId, name: string, config: ClusterConfig): Promise<void> => {
    const options = config.io?.[name] as IOConfig;
    try {
      const channel = await factoryFor(config)(name, options);
      const vref = nameOfChannel(id, name);
      objects.bind(vref, makeIOService(name, options, channel));
      channels.set(vref, channel);
    } catch (thrown) {
      // One channel that cannot be had must not keep the kernel from its other work.
      log('error', ['kernel', 'io'], [`channel ${name} of ${id}: ${messageOf(thrown)}`]);
    }
  };

  /**
   * Opens what a subcluster's next configuration has and its present one has not; what is the same in both stays open. Where
   * that fails, the channels that the next one lacks are closed first: one of them may have the address.
   *
   * @returns the new channels, and what undoes it all.
   */
  const changeChannels = async (
    id: SubclusterId,
    config: ClusterConfig,
  ): Promise<{ io: Channels; undo: () => Promise<void> }> => {
    const { config: old } = loop.rows().subclusters.getRequired(id);
    const others = (one: ClusterConfig, other: ClusterConfig): string[] =>
      Object.entries(one.io ?? {}).flatMap(([name, options]) => {
        const counterpart = other.io?.[name];
        return counterpart && canonical(counterpart) === canonical(options) ? [] : name;
      });
    const [coming, leaving] = [others(config, old), others(old, config)];
    try {
      const io = await openChannels(config, coming);
      return { io, undo: () => closeChannels(io) };
    } catch (thrown) {
      if (leaving.length === 0) throw thrown;
    }
    let io: Channels = {};
    const undo = async (): Promise<void> => {
      await closeChannels(io);
      for (const name of leaving) await reopen(id, name, old);
    };
    await Promise.all(leaving.map((name) => closed(nameOfChannel(id, name))));
    try {
      io = await openChannels(config, coming);
    } catch (thrown) {
      await undo();
      throw thrown;
    }
    return { io, undo };
  };

  const checkGrants = ({ vats }: ClusterConfig): void => {
    for (const [name, { globals = [], network }] of Object.entries(vats)) {
      try {
        parseAllowedHosts(network?.allowedHosts ?? []);
      } catch (cause) {
        throw new KernelError(
          'BAD_CONFIG',
          `vats.${name}.network.allowedHosts: ${messageOf(cause)}`,
          { cause },
        );
      }
      const refused = globals.find((global) => allowedGlobalNames?.includes(global) === false);
      if (refused !== undefined) {
        throw new KernelError(
          'BAD_CONFIG',
          `Vat "${name}" requested unknown global "${refused}": this kernel allows ${allowedGlobalNames?.join(', ') || 'none'}`,
        );
      }
    }
  };

  const idOfUnborn = async (config: ClusterConfig, name: string): Promise<VatId> => {
    const names = Object.keys(config.vats);
    const ids = read(await loop.request({ type: 'spend-vat-ids', count: names.length }));
    return (ids as VatId[])[names.indexOf(name)] as VatId;
  };

  const launches = {
    /**
     * The code of a subcluster's vats. A vat whose code cannot be had is named in the error by its id too: that which it has
     * among `members`, or that which the launch would have given it, which no other vat gets then.
     *
     * @param onFetched - hears of each vat's bundle, with its length in UTF-16 code units.
     */
    async fetch(
      config: ClusterConfig,
      onFetched?: (vat: string, chars: number) => void,
      members: { [name: string]: VatId } = {},
    ): Promise<FetchedBundles> {
      checkGrants(config);
      try {
        return await fetchBundles(config.vats, config.bundles ?? {}, platform, onFetched);
      } catch (thrown) {
        if (!(thrown instanceof NoBundleError)) throw thrown;
        const { vat: name, message, cause } = thrown;
        const vatId = members[name] ?? (await idOfUnborn(config, name));
        throw new KernelError('BAD_CONFIG', `Failed to launch vat ${vatId} (${name}): ${message}`, {
          cause,
          data: { name, vatId },
        });
      }
    },

    changeChannels,

    async launch(
      config: ClusterConfig,
      fetched: FetchedBundles,
      { session, bootstrap = true, systemName, named, id }: LaunchOptions,
    ): Promise<unknown> {
      const io = await openChannels(config);
      try {
        const outcome = await loop.request({
          type: 'launch',
          session,
          config,
          bootstrap,
          ...fetched,
          io,
          ...(id !== undefined && { subclusterId: id }),
          ...(systemName !== undefined && { name: systemName, system: true }),
          ...named,
        });
        return read(outcome, fetched);
      } catch (thrown) {
        await closeChannels(io);
        throw thrown;
      }
    },

    /** Opens the channels of subclusters that the store holds. */
    async reopenChannels(): Promise<void> {
      const { subclusters } = loop.rows();
      for (const id of subclusters.ids().sort(krefOrder)) {
        const { config } = subclusters.getRequired(id);
        for (const name of Object.keys(config.io ?? {})) await reopen(id, name, config);
      }
    },

    /** The kernel has forgotten these objects. */
    retired: (vrefs: readonly VRef[]): void => vrefs.forEach(close),
    closeAll: (): void => [...channels.keys()].forEach(close),

    /**
     * Makes the store's system subclusters those of the options: others are terminated, missing ones launched.
     *
     * @throws KernelError BAD_CONFIG where one is stored with another configuration.
     */
    async provideSystemSubclusters(wanted: readonly SystemSubclusterConfig[]): Promise<void> {
      const { subclusters, names } = loop.rows();
      const terminate = async (subclusterId: SubclusterId): Promise<unknown> =>
        read(await loop.request({ type: 'terminate-subcluster', subclusterId }));
      for (const id of subclusters.ids().sort(krefOrder)) {
        const { system, name } = subclusters.getRequired(id);
        if (system && !wanted.some((each) => each.name === name)) await terminate(id);
      }
      for (const { name, config } of wanted) {
        const stored = names.get(name);
        if (stored !== undefined && !config.forceReset) {
          const known = subclusters.getRequired(stored).config;
          const [one, other] = [known, config].map(({ forceReset: _, ...rest }) => canonical(rest));
          if (one === other) continue;
          throw new KernelError(
            'BAD_CONFIG',
            `System subcluster "${name}" (${stored}) is stored with another configuration: set forceReset to launch it afresh without its state, or give the stored configuration and upgrade its vats with upgradeVat`,
            { data: { name, subclusterId: stored } },
          );
        }
        if (stored !== undefined) await terminate(stored);
        await launches.launch(config, await launches.fetch(config), {
          session: 'a1',
          systemName: name,
        });
      }
    },

    /** Starts the vats that are to run without being asked. */
    startEager(): void {
      // The kernel may have been stopped at once.
      if (loop.over() !== undefined) return;
      for (const vatId of loop.rows().vats.ids().sort(krefOrder)) {
        if (isEager(vatId)) void loop.request({ type: 'start-vat', vatId });
      }
    },
  };

  const isEager = (vatId: VatId): boolean => {
    const { config } = loop.rows().vats.getRequired(vatId);
    const wakesByItself = config.globals?.some((name) =>
      /^(?:set(?:Timeout|Interval)|fetch)$/.test(name),
    );
    return (config.creationOptions?.start ?? (wakesByItself ? 'eager' : 'lazy')) === 'eager';
  };

  return launches;
}

/** A configuration as text that does not depend on the order of its keys. */
export function canonical(config: object): string {
  return JSON.stringify(config, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}

export type Launches = ReturnType<typeof makeLaunches>;
