/** The kernel as an app on the same side of the wire sees it: an object with promise-returning methods. */
import type { PeerId } from '../comms/transport.js';
import { KernelError, isKernelError } from '../errors.js';
import type { Caveat } from '../kernel/caveats.js';
import { findBrokenInvariants } from '../kernel/invariants.js';
import type { KernelRows, VatRow } from '../kernel/rows.js';
import type { CapData } from '../protocol/capdata.js';
import { checkCaveatLimits, type CaveatLimits } from '../protocol/caveat-limits.js';
import { RemoteCommsOptionsStruct, type RemoteCommsOptions } from '../protocol/comms-options.js';
import {
  ClusterConfigStruct,
  SystemSubclusterConfigsStruct,
  VatConfigStruct,
  type ClusterConfig,
  type VatConfig,
} from '../protocol/config.js';
import { describe } from '../protocol/describe.js';
import { isStandIn, kserMethargs, kslot, kunser, type StandIn } from '../protocol/kernel-values.js';
import type { PeerStatus } from '../protocol/peer-status.js';
import { isKRef, type KRef, type SubclusterId, type VatId } from '../protocol/refs.js';
import { emptyVatTables, type VatTableSizes } from '../protocol/vat-tables.js';
import type { KernelDatabase } from '../store/kv-store.js';
import type { FetchedBundles } from './bundles.js';
import type { EventLoop, RequestEvent } from './event-loop.js';
import type { Identities } from './identity.js';
import {
  queryStore,
  readObjects,
  type ObjectPage,
  type ObjectQuery,
  type QueryPage,
} from './inspection.js';
import { makeKernelFacet } from './kernel-facet.js';
import type { KernelLimits } from './kernel-limits.js';
import { makeKernelParts, type KernelParts } from './kernel-parts.js';
import type { KernelServices } from './kernel-services.js';
import type {
  KernelActivity,
  KernelOptions,
  KernelService,
  KernelStatus,
  LaunchResult,
  Subcluster,
  VatInfo,
} from './kernel-types.js';
import { subclusterIdsOf, subclusterOf, vatIdsOf, vatInfosOf, vatRowOf } from './kernel-views.js';
import type { Launches } from './launches.js';
import type { MessagePage } from './message-log.js';
import type { IssueOptions, OcapUrlDesk } from './ocap-urls.js';
import type { Outcomes } from './outcomes.js';
import type { PeerServer } from './peers/peer-server.js';
import type { PlatformServices } from './platform-services.js';
import { portChannel, type PortLike } from './session-channel.js';
import type { SessionServer } from './session-server.js';

/** The endpoint for which `Kernel` methods hold the krefs that they hand out. */
const API_SESSION = 'a1';

export class Kernel {
  readonly #loop: EventLoop;
  readonly #launches: Launches;
  readonly #sessions: SessionServer;
  readonly #identities: Identities;
  readonly #urls: OcapUrlDesk;
  readonly #peers: PeerServer;
  readonly #database: KernelDatabase;
  readonly #outcomes: Outcomes;
  readonly #limits: KernelLimits;
  readonly #services: KernelServices;
  #stopped: Promise<void> | undefined;
  readonly #ended: Promise<KernelError | undefined>;

  private constructor(database: KernelDatabase, parts: KernelParts) {
    this.#database = database;
    this.#loop = parts.loop;
    this.#launches = parts.launches;
    this.#sessions = parts.sessions;
    this.#identities = parts.identities;
    this.#urls = parts.urls;
    this.#peers = parts.peers;
    this.#outcomes = parts.outcomes;
    this.#limits = parts.limits;
    this.#services = parts.services;
    this.#ended = this.#loop.ended.then(async (why) => {
      if (!isKernelError(why, 'KERNEL_STOPPED')) return why;
      // Who hears of it may open the store again.
      await this.#stopped?.catch(() => undefined);
      return undefined;
    });
  }

  /**
   * Starts a kernel on a store. It is ready at once: vats of an earlier run start at their first message.
   *
   * @throws KernelError STORE_FAILED where the store cannot be used.
   */
  static async make(
    platformServices: PlatformServices,
    kernelDatabase: KernelDatabase,
    options: KernelOptions = {},
  ): Promise<Kernel> {
    const parts = makeKernelParts(platformServices, kernelDatabase, options, () => kernel);
    const kernel: Kernel = new Kernel(kernelDatabase, parts);
    kernel.#services.registerBuiltIn('kernelFacet', makeKernelFacet(kernel), true);
    kernel.#sessions.start();
    try {
      await kernel.#launches.reopenChannels();
      await kernel.#launches.provideSystemSubclusters(
        SystemSubclusterConfigsStruct.check(options.systemSubclusters ?? []),
      );
    } catch (thrown) {
      await kernel.#end();
      throw thrown;
    }
    // After the caller has its kernel: nothing that a vat does at its start should delay that.
    setTimeout(kernel.#launches.startEager, 0);
    return kernel;
  }

  /** This kernel, so that `const { kernel, kernelDatabase } = await makeKernel({})` works. */
  get kernel(): this {
    return this;
  }

  /**
   * Resolves when the kernel does nothing any more: to undefined after `stop`, once its store is closed, and to a
   * KernelError where it gave up (INTERNAL_ERROR, STORE_FAILED). Then `stop` still closes the store. Never rejects.
   */
  get ended(): Promise<KernelError | undefined> {
    return this.#ended;
  }

  get kernelDatabase(): KernelDatabase {
    return this.#database;
  }

  /**
   * Serves a client session on a port: the other end is for `createKernel({ worker: () => port })`. The client has the
   * kernel's whole authority.
   *
   * @param port - a MessagePort, or what is used like one.
   * @param options - `onEnd` is called once, when the client is gone; `wasBye`: it said that it is done.
   */
  serveClient(port: PortLike, { onEnd }: { onEnd?: (wasBye: boolean) => void } = {}): void {
    this.#sessions.serve(portChannel(port), { privileged: true, ...(onEnd && { onEnd }) });
  }

  /**
   * Launches a subcluster as a whole: every vat started, `bootstrap(vats, services)` answered.
   *
   * @throws KernelError BAD_CONFIG, START_FAILED or LAUNCH_FAILED, with the vat's name and the cause; then no vat,
   * row or worker of it is left.
   */
  async launchSubcluster(config: ClusterConfig): Promise<LaunchResult> {
    const checked = ClusterConfigStruct.check(config);
    return this.#launch(checked, await this.#launches.fetch(checked), true);
  }

  /** Launches one vat in a subcluster of its own, without calling `bootstrap`. Returns its id. */
  async launchVat(config: VatConfig): Promise<VatId> {
    const vat = VatConfigStruct.check(config);
    const cluster: ClusterConfig = { bootstrap: 'vat', vats: { vat } };
    const { subclusterId } = await this.#launch(
      cluster,
      await this.#launches.fetch(cluster),
      false,
    );
    return this.getSubclusterVats(subclusterId)[0] as VatId;
  }

  async #launch(
    config: ClusterConfig,
    fetched: FetchedBundles,
    bootstrap: boolean,
  ): Promise<LaunchResult> {
    const options = { session: API_SESSION, bootstrap };
    const result = (await this.#launches.launch(config, fetched, options)) as LaunchResult;
    return { ...result, bootstrapResult: result.bootstrapResult };
  }

  /**
   * Terminates the vats of a subcluster, with their state, and launches its configuration again under the same id, with
   * new vats and the bundles fetched anew. Where they cannot be fetched or are no bundles the subcluster stays as it is.
   */
  async reloadSubcluster(id: SubclusterId): Promise<Subcluster> {
    const { config, vats } = this.#subcluster(id);
    const fetched = await this.#launches.fetch(config, undefined, vats);
    const { name, system, definition, interfaces } = this.#rows.subclusters.get(id) ?? {};
    await this.terminateSubcluster(id);
    await this.#launches.launch(config, fetched, {
      session: API_SESSION,
      id,
      ...(system && name !== undefined && { systemName: name }),
      ...(!system &&
        name !== undefined &&
        definition !== undefined && {
          named: { name, definition, ...(interfaces && { interfaces }) },
        }),
    });
    return this.#subcluster(id);
  }

  /** Reloads the subcluster that was launched last; undefined where there is none. */
  async reload(): Promise<Subcluster | undefined> {
    const last = this.getSubclusters().at(-1);
    return last && this.reloadSubcluster(last.id);
  }

  /** Terminates the vats of a subcluster, with their state. */
  async terminateSubcluster(id: SubclusterId): Promise<void> {
    await this.#request({ type: 'terminate-subcluster', subclusterId: id });
  }

  /** The subcluster, or undefined where there is none. */
  getSubcluster(id: SubclusterId): Subcluster | undefined {
    return subclusterOf(this.#rows, id);
  }

  /** All subclusters, oldest first. */
  getSubclusters(): Subcluster[] {
    return subclusterIdsOf(this.#rows).map((id) => this.#subcluster(id));
  }

  isVatInSubcluster(vatId: VatId, subclusterId: SubclusterId): boolean {
    return this.#rows.vats.get(vatId)?.subcluster === subclusterId;
  }

  /** @throws KernelError NOT_FOUND where there is no such subcluster. */
  getSubclusterVats(subclusterId: SubclusterId): VatId[] {
    return Object.values(this.#subcluster(subclusterId).vats);
  }

  /**
   * The root of a system subcluster's bootstrap vat.
   *
   * @throws KernelError NOT_FOUND where the options named no such subcluster.
   */
  getSystemSubclusterRoot(name: string): KRef {
    const id = this.#rows.names.get(name);
    const row = id === undefined ? undefined : this.#rows.subclusters.getRequired(id);
    if (!row?.system)
      throw new KernelError('NOT_FOUND', `System subcluster "${String(name)}" not found`);
    return this.#vat(row.vats[row.config.bootstrap] as VatId).root;
  }

  #subcluster(id: SubclusterId): Subcluster {
    const found = this.getSubcluster(id);
    if (found === undefined) {
      throw new KernelError('NOT_FOUND', `Subcluster does not exist. (${String(id)})`);
    }
    return found;
  }

  /** The kref of a vat's root object. */
  getRootObject(vatId: VatId): KRef {
    return this.#vat(vatId).root;
  }

  #vat(vatId: VatId): VatRow {
    return vatRowOf(this.#rows, vatId);
  }

  /**
   * Sends a message and waits for its result.
   *
   *     kunser(await kernel.queueMessage(rootKref, 'greet', ['you']));
   *
   * @param target - a kref; a reference that `kunser` or `kslot` gave serves, too.
   * @param args - passable values; references as `kslot` and `kunser` give them.
   * @returns the result as CapData: references in it are held until `release`.
   * @throws what the method threw, with the vat's stack mapped to its source; or a KernelError.
   */
  async queueMessage(
    target: KRef | StandIn,
    method: string,
    args: unknown[] = [],
  ): Promise<CapData<KRef>> {
    const kref = typeof target === 'string' ? target : target?.kref;
    if (!isKRef(kref)) {
      throw new TypeError(`queueMessage takes a kref like "ko4"; found ${describe(target)}`);
    }
    if (!Array.isArray(args)) {
      throw new TypeError(`queueMessage takes the arguments as an array; found ${typeof args}`);
    }
    const methargs = kserMethargs(method, args);
    return (await this.#request({
      type: 'send',
      session: API_SESSION,
      target: kref,
      methargs,
    })) as CapData<KRef>;
  }

  /** Resolves to 'pong' when the vat's worker answers; starts the vat where it is not running. */
  async pingVat(vatId: VatId): Promise<'pong'> {
    // Asked at once: one that was started for this alone may be put to sleep again as soon as it has started.
    const starting = this.#loop.isRunning(vatId)
      ? undefined
      : this.#request({ type: 'start-vat', vatId });
    const [answer] = await Promise.all([this.#loop.ping(vatId), starting]);
    if (answer !== undefined) return 'pong';
    throw this.#stoppedMeanwhile(vatId);
  }

  /**
   * How much stands in the tables of a vat's worker, for tests and diagnosis: `{ exports: 1, imports: 2, promises: 0, … }`.
   * It is what the worker says; all is 0 where none runs.
   */
  async inspectVat(vatId: VatId): Promise<VatTableSizes> {
    this.#vat(vatId);
    if (!this.#loop.isRunning(vatId)) return { ...emptyVatTables };
    const sizes = await this.#loop.ping(vatId);
    if (sizes !== undefined) return sizes;
    throw this.#stoppedMeanwhile(vatId);
  }

  #stoppedMeanwhile(vatId: VatId): KernelError {
    return (
      this.#loop.over() ??
      new KernelError('VAT_RESTARTED', `Vat ${vatId} stopped while it was asked`)
    );
  }

  /** Ends the vat's incarnation and starts the next, with its durable state and without `bootstrap`. */
  async restartVat(vatId: VatId): Promise<void> {
    await this.#request({ type: 'restart-vat', vatId });
  }

  /**
   * Gives the vat other code, configuration, or both, on its durable state. The new code starts beside the old, which
   * goes on untouched where that fails; then the old incarnation ends, as at a restart.
   *
   *     await kernel.upgradeVat('v1', { bundleSpec: 'http://localhost:3000/todo.bundle' });
   *
   * @param change - what differs from the vat's present configuration; `{}` fetches the same source anew.
   * @throws KernelError UPGRADE_FAILED with the cause.
   */
  async upgradeVat(vatId: VatId, change: Partial<VatConfig> = {}): Promise<void> {
    const { config: old, name } = this.#vat(vatId);
    const isElsewhere = ['bundleSpec', 'sourceSpec', 'bundleName'].some((key) =>
      Object.hasOwn(change, key),
    );
    const { bundleSpec: _, sourceSpec: __, bundleName: ___, ...rest } = old;
    const config = VatConfigStruct.check({ ...(isElsewhere ? rest : old), ...change });
    const shared = this.getSubcluster(this.#vat(vatId).subcluster)?.config.bundles ?? {};
    const cluster = { bootstrap: name, vats: { [name]: config }, bundles: shared };
    const fetched = await this.#launches.fetch(cluster, undefined, { [name]: vatId });
    const bundleHash = fetched.bundles[name] as string;
    const outcome = await this.#loop.request({
      type: 'upgrade-vat',
      vatId,
      config,
      bundleHash,
      content: fetched.contents[bundleHash] as string,
    });
    this.#outcomes.read(outcome, fetched);
  }

  /**
   * Ends the vat with its state. What it had still to settle is rejected with `reason`, or VAT_TERMINATED.
   *
   * @throws TypeError where `reason` is something else than `kser` gives.
   */
  async terminateVat(vatId: VatId, reason?: CapData<KRef>): Promise<void> {
    if (reason !== undefined) kunser(reason, { label: 'reason' });
    await this.#request({ type: 'terminate-vat', vatId, ...(reason && { reason }) });
  }

  async terminateAllVats(): Promise<void> {
    for (const id of subclusterIdsOf(this.#rows).reverse()) {
      await this.terminateSubcluster(id);
    }
  }

  getVatIds(): VatId[] {
    return vatIdsOf(this.#rows);
  }

  getVats(): VatInfo[] {
    return vatInfosOf(this.#rows, this.#loop.isRunning);
  }

  async getStatus(): Promise<KernelStatus> {
    return {
      vats: this.getVats(),
      subclusters: this.getSubclusters(),
      remoteComms: this.#peers.status(this.#identities.peerId()),
    };
  }

  /** Keeps a vat's root from collection until it is unpinned as often as it was pinned. Returns its kref. */
  pinVatRoot(vatId: VatId): KRef {
    return this.#requestNow({ type: 'pin-root', vatId, pin: true }) as KRef;
  }

  unpinVatRoot(vatId: VatId): KRef {
    return this.#requestNow({ type: 'pin-root', vatId, pin: false }) as KRef;
  }

  /** Revokes an object for all of its holders, for ever: their calls reject OBJECT_REVOKED. */
  revoke(kref: KRef): void {
    this.#requestNow({ type: 'revoke', kref });
  }

  /**
   * Makes another reference to an object for one holder: a forwarder that can be revoked, expires, or lets through only
   * some methods or so many messages. `revoke(ref)` revokes it for all who hold it, and nothing else.
   *
   *     const { ref } = await kernel.caveat('ko4', { methods: ['list'], expiresInMs: 60_000 });
   *
   * @returns the forwarder's kref, and that of an object with the method `revoke`; both are held until `release`.
   * @throws TypeError for limits that there are not, KernelError NOT_FOUND where there is no such object.
   */
  async caveat(kref: KRef, limits: CaveatLimits = {}): Promise<Caveat> {
    return (await this.#request({
      type: 'make-caveat',
      session: API_SESSION,
      target: kref,
      limits: checkCaveatLimits(limits),
    })) as Caveat;
  }

  /**
   * An ocap URL of an object: text that another kernel, or this one later, can redeem for the object. Whoever has the text
   * has the object. It holds the object until it is revoked, used up, or out of date.
   *
   *     const url = await kernel.issueOcapURL('ko4', { expiresInMs: 3_600_000 });
   *
   * @param options - `uses`: how often it may be redeemed, `once`: a single time; `expiresInMs`: for how long.
   * @throws KernelError NOT_FOUND where there is no such object.
   */
  async issueOcapURL(kref: KRef | StandIn, options?: IssueOptions): Promise<string> {
    return this.#urls.issue(isStandIn(kref) ? kref.kref : kref, options);
  }

  /**
   * The ocap URL of a name: the same one whenever this identity issues it, after a recovery from its phrase, too. It may
   * be issued for another object once the former one is gone or its URL was revoked.
   */
  async issueNamed(name: string, kref: KRef | StandIn): Promise<string> {
    return this.#urls.issueNamed(name, isStandIn(kref) ? kref.kref : kref);
  }

  /**
   * The kref of the object that an ocap URL stands for, held until `release`.
   *
   * @throws KernelError OBJECT_DELETED where nobody can have it any more; NOT_FOUND for what is no ocap URL.
   */
  async redeemOcapURL(url: string): Promise<KRef> {
    return this.#urls.redeem(url, API_SESSION);
  }

  /** Takes an ocap URL of this kernel back: nobody can redeem it from now on. Was there one? */
  async revokeOcapURL(url: string): Promise<boolean> {
    return this.#urls.revoke(url);
  }

  /**
   * Makes or finds this kernel's identity, without any network.
   *
   * @throws KernelError BAD_CONFIG where the store has another one; Error `Invalid BIP39 mnemonic`.
   */
  async initIdentity(options: { mnemonic?: string } = {}): Promise<void> {
    await this.#identities.provide(options);
  }

  /**
   * Begins to talk to other kernels; called again, it does so with other options. It resolves when listeners are up; relays
   * and peers that do not answer are tried again and again.
   *
   *     await kernel.initRemoteComms({ relays: ['/dns4/relay.example/tcp/443/wss/p2p/12D3KooW…'] });
   *
   * @throws KernelError BAD_CONFIG for options that there are not, another identity, or a platform without a network.
   */
  async initRemoteComms(options: RemoteCommsOptions = {}): Promise<void> {
    const { mnemonic, ...checked } = RemoteCommsOptionsStruct.check(options);
    const identity = await this.#identities.provide(mnemonic === undefined ? {} : { mnemonic });
    await this.#peers.start(checked, identity);
  }

  /**
   * Closes the link to a peer. What waits for the peer goes on waiting; what is sent to it later opens a link again, and the
   * peer may open one: `deniedPeers` keeps it out.
   */
  async closeConnection(peerId: PeerId): Promise<void> {
    this.#peers.close(peerId);
  }

  /** Tries at once to reach a peer, at the places given, too, and does not wait until it has. */
  async reconnectPeer(peerId: PeerId, hints: readonly string[] = []): Promise<void> {
    this.#peers.reconnect(peerId, hints);
  }

  /** Tells where a peer may be reached: multiaddrs of it or of relays. */
  async registerLocationHints(peerId: PeerId, hints: readonly string[]): Promise<void> {
    this.#peers.addHints(peerId, hints);
  }

  /** How it stands with a peer, and why. */
  getPeerStatus(peerId: PeerId): PeerStatus {
    return this.#peers.peer(peerId);
  }

  isRevoked(kref: KRef): boolean {
    return this.#rows.objects.get(kref)?.revoked === true;
  }

  /** Lets go of a kref that a method of this kernel handed out, of one time that it did. */
  release(kref: KRef): void {
    this.#loop.feed({ type: 'release', session: API_SESSION, kref });
  }

  /** A stand-in for an object, to be sent as an argument. */
  getPresence(kref: KRef, iface = 'Kernel Object'): StandIn {
    return kslot(kref, iface);
  }

  /**
   * Makes an object of this process a kernel service: subclusters that name it in `services` get it in `bootstrap`.
   * Its reference outlives the process; the object must be registered again at each start.
   *
   * @param service - an object with methods, an exo, or a reference to a vat's object as `kunser` gives it, which needs
   * no registering again.
   */
  registerKernelServiceObject(
    name: string,
    service: object,
    { systemOnly = false }: { systemOnly?: boolean } = {},
  ): KernelService {
    return this.#services.register(name, service, systemOnly);
  }

  /** Asks running vats (those that `filter` accepts) to collect by force and to report what they dropped. */
  async reapVats(filter?: (vatId: VatId) => boolean): Promise<void> {
    const vatIds = filter && this.getVatIds().filter(filter);
    await this.#request({ type: 'reap', ...(vatIds && { vatIds }) });
  }

  /** As `reapVats`; the kernel itself collects at the end of each step. */
  async collectGarbage(): Promise<void> {
    await this.reapVats();
  }

  /** Walks all tables and says what is wrong with them, one sentence each; empty where all is well. For tests. */
  checkInvariants(): string[] {
    return findBrokenInvariants(this.#rows);
  }

  /**
   * Objects and who holds them, in the order of their krefs, a page at a time.
   *
   *     const { objects, total, next } = await kernel.getObjects({ owner: 'v1' });
   *     // [{ kref: 'ko4', owner: 'v1', kind: 'root', methods: ['greet'], holders: [{ by: 'a1', times: 1 }], … }]
   */
  async getObjects(query?: ObjectQuery): Promise<ObjectPage> {
    return readObjects(this.#rows, this.#loop.shapeOf, query);
  }

  /**
   * What became of messages lately. The first question begins the log, and it ends, and is forgotten, when nobody has
   * asked for `messageLogIdleMs`.
   *
   * @param query - `after`: the `change` of an earlier answer; then only what is new or has changed since.
   */
  async getMessages({ after }: { after?: number } = {}): Promise<MessagePage> {
    void this.#rows;
    return this.#loop.messageLog(after);
  }

  /** What the kernel has done since it began, what waits, and the bounds that it holds to. */
  async getActivity(): Promise<KernelActivity> {
    const vatIds = this.getVatIds();
    return {
      ...this.#loop.counts(),
      at: Date.now(),
      vats: vatIds.length,
      runningVats: vatIds.filter((id) => this.#loop.isRunning(id)).length,
      queues: this.#loop.queueLengths(),
      limits: { ...this.#limits },
    };
  }

  /**
   * Waits until vats, callers or peers have done something, for `activityWaitMs` at most. What clients ask of the kernel
   * itself is nothing: who reads after each answer is not woken by his own reading.
   *
   * @param query - `after`: an earlier answer. Without one the answer comes at once.
   * @returns a number to be asked `after`; another one when there has been something.
   */
  async awaitActivity({ after }: { after?: number } = {}): Promise<number> {
    void this.#rows;
    return this.#loop.nextActivity(after);
  }

  /**
   * Rows of the store, as `kernelDatabase.executeQuery` gives them, cut to what can be shown. The kernel stands still
   * meanwhile; see there for what bounds that.
   *
   * @throws TypeError for a statement that writes, or that SQLite cannot read.
   * @throws KernelError STORE_FAILED for one that takes too long, or gives too many rows.
   */
  async queryStore(sql: string): Promise<QueryPage> {
    if (typeof sql !== 'string')
      throw new TypeError(`queryStore takes text; found ${describe(sql)}`);
    this.#loop.commit();
    return queryStore(this.#database, sql);
  }

  /** Deletes everything: subclusters, vats, their state. Ids are not used again; services stay registered. */
  async reset(): Promise<void> {
    this.#launches.closeAll();
    this.#loop.reset({ keepIdentity: true });
    this.#services.registerAllAgain();
  }

  /** As {@link reset}. */
  clearStorage(): Promise<void> {
    return this.reset();
  }

  /**
   * Waits for deliveries in flight, within `stopTimeoutMs`, ends all workers and closes the store. Calls that are
   * unanswered reject KERNEL_STOPPED. It may be called again and always comes back.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#end().finally(() => this.#database.close());
    return this.#stopped;
  }

  async #end(): Promise<void> {
    // Both begin at once: vats are given nothing new while links are closing.
    const unlinked = this.#peers.stop();
    await this.#loop.stop();
    await unlinked;
    this.#launches.closeAll();
  }

  /** The kernel's tables, for as long as it runs. */
  get #rows(): KernelRows {
    const over = this.#loop.over();
    if (over !== undefined) throw over;
    return this.#loop.rows();
  }

  async #request(event: RequestEvent): Promise<unknown> {
    return this.#outcomes.read(await this.#loop.request(event));
  }

  #requestNow(event: RequestEvent): unknown {
    return this.#outcomes.read(this.#loop.requestNow(event));
  }
}
