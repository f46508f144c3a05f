/** What a kernel is put together from, and how the parts know each other. */
import { limits } from '../limits.js';
import { HOST_REALM } from '../protocol/refs.js';
import type { KernelDatabase } from '../store/kv-store.js';
import { makeEventLoop, type EventLoop } from './event-loop.js';
import { makeHeldReferences } from './held-references.js';
import { makeHostObjects } from './host-realm.js';
import { checkIdentityOptions, makeIdentities, type Identities } from './identity.js';
import type { Kernel } from './kernel.js';
import { checkLimits, type KernelLimits } from './kernel-limits.js';
import { makeKernelServices, type KernelServices } from './kernel-services.js';
import type { KernelOptions } from './kernel-types.js';
import { wireStatusOf } from './kernel-views.js';
import { makeLaunches, type Launches } from './launches.js';
import { makeLog, quietLogger } from './logger.js';
import { makeNamedLaunches } from './named-launches.js';
import { makeIssuerService, makeRedeemerService } from './ocap-url-services.js';
import { makeOcapUrlDesk, type OcapUrlDesk } from './ocap-urls.js';
import { makeOutcomes, type Outcomes } from './outcomes.js';
import { makePeerServer, type PeerServer } from './peers/peer-server.js';
import type { PlatformServices } from './platform-services.js';
import { makeSessionAdmin } from './session-admin.js';
import { makeSessionServer, type SessionServer } from './session-server.js';
import { makeStoreNames } from './store-names.js';

export type KernelParts = {
  loop: EventLoop;
  launches: Launches;
  sessions: SessionServer;
  identities: Identities;
  urls: OcapUrlDesk;
  peers: PeerServer;
  outcomes: Outcomes;
  services: KernelServices;
  limits: KernelLimits;
};

/**
 * Starts the event loop on the store, and puts the rest around it.
 *
 * @param kernel - what client sessions with the kernel's authority have the methods of; there is none while this runs.
 * @throws KernelError STORE_FAILED where the store cannot be used, TypeError for options that there are not.
 */
export function makeKernelParts(
  platform: PlatformServices,
  database: KernelDatabase,
  options: KernelOptions,
  kernel: () => Kernel,
): KernelParts {
  const { ioChannelFactory, allowedGlobalNames } = options;
  const policy = checkLimits(options.limits);
  checkIdentityOptions(options);
  const log = makeLog(options.logger ?? quietLogger);
  const storage = database.filename === ':memory:' ? 'memory' : 'file';

  /** While the loop starts there is no session to tell. */
  const later: { sessions?: SessionServer; peers?: PeerServer; launches?: Launches } = {};
  // The realm and the loop call one another; neither does before both exist.
  const loop: EventLoop = makeEventLoop({
    database,
    platform,
    policy: {
      ...policy,
      promiseBlock: limits.promiseBlock,
      ocapUrlsMax: limits.ocapUrlsMax,
      peerFramesMax: limits.peerFramesMax,
      peerFrameCharsMax: limits.peerFrameCharsMax,
    },
    log,
    callHost(callId, target, methargs, caller) {
      const admin = caller === undefined ? undefined : later.sessions?.adminOf(caller);
      objects.call(callId, admin ?? target, methargs);
    },
    retireAtHost(vrefs) {
      objects.retire(vrefs);
      later.launches?.retired(vrefs);
    },
    toSessions: (effect) => later.sessions?.fromKernel(effect),
    toPeers: (effect) => later.peers?.fromKernel(effect),
    onCommit: () => later.sessions?.onCommit(),
    onSetback(error, what) {
      later.sessions?.onSetback(error, what);
      later.peers?.onSetback(what);
    },
  });
  const outcomes = makeOutcomes(loop);
  const { read, mapStack } = outcomes;
  const held = makeHeldReferences({
    release: (kref, times) => loop.feed({ type: 'release', session: HOST_REALM, kref, times }),
    settlement: (promise) => loop.request({ type: 'host-await', promise }),
    fail: (outcome) => read(outcome),
  });
  // Who names an identity wants that one; else it outlives all that is deleted.
  const isNewIdentity = options.mnemonic !== undefined || options.keySeed !== undefined;
  if (options.resetStorage) loop.reset({ keepIdentity: !isNewIdentity });
  else loop.start();
  const objects = makeHostObjects({
    firstExport: loop.nextHostExport(),
    serviceWaitMs: policy.serviceWaitMs,
    answer: (callId, answer) => loop.feed({ type: 'host-answer', callId, ...answer }),
    settle: (vpid, outcome) => loop.feed({ type: 'host-resolve', vpid, ...outcome }),
    readValue: held.readValue,
  });
  const failed = loop.over();
  if (failed !== undefined) throw failed;

  const services = makeKernelServices(objects, (event) => read(loop.requestNow(event)));
  const launches = makeLaunches({
    loop,
    objects,
    platform,
    log,
    read,
    ioChannelFactory,
    allowedGlobalNames,
  });
  later.launches = launches;
  const identities = makeIdentities(loop, options);
  const names = makeStoreNames(() => loop, platform);
  const peers = makePeerServer({
    loop,
    log,
    startTransport: platform.startTransport?.bind(platform),
    lineage: names.storeId,
    read,
    onChange: () => sessions.onStatus(),
  });
  later.peers = peers;
  const urls = makeOcapUrlDesk({
    loop,
    identities,
    read,
    hints: peers.hints,
    redeemAtPeer: peers.redeem,
  });
  services.registerBuiltIn('ocapURLIssuerService', makeIssuerService(urls), false);
  services.registerBuiltIn(
    'ocapURLRedemptionService',
    makeRedeemerService(urls, held.readValue),
    false,
  );
  const namedLaunches = makeNamedLaunches({ loop, launches, read });
  const sessions: SessionServer = makeSessionServer({
    loop,
    objects,
    names,
    log,
    storage,
    graceMs: policy.sessionGraceMs,
    makeAdmin: (line) =>
      makeSessionAdmin({
        kernel: kernel(),
        launches: namedLaunches,
        isNameable: loop.isNameable,
        line,
      }),
    status() {
      const over = loop.over();
      if (over !== undefined) throw over;
      const { isRunning } = loop;
      return wireStatusOf(loop.rows(), isRunning, storage, names.opaqueVatId, peers.namedStates());
    },
    mapStack,
  });
  later.sessions = sessions;
  return { loop, launches, sessions, identities, urls, peers, outcomes, services, limits: policy };
}
