/** Kernels of this process that talk over a network in memory, each on a store of its own. */
import type { Kernel, KRef, RemoteCommsOptions } from '@vatkit/sdk/kernel';
import { makeSQLKernelDatabase, NodejsPlatformServices } from '@vatkit/sdk/node';
import { afterEach, vi } from 'vitest';
import type { MemoryNetwork } from '../src/comms/memory-transport.js';
import { Kernel as KernelClass } from '../src/host/kernel.js';
import { bundleOfCode, clusterOf, makeLogRecorder, makeStoreFile, track } from './harness.js';

const vat = bundleOfCode(`
  const { E, makeDefaultExo } = far;
  const makeCounter = (start) => {
    let count = start;
    return makeDefaultExo('counter', {
      next: () => (count += 1),
      self() { return makeCounter(count); },
    });
  };
  return { buildRootObject(powers, parameters, baggage) {
    let services, kept, release;
    const seen = [];
    const gate = new Promise((resolve) => { release = resolve; });
    return makeDefaultExo('root', {
      bootstrap(_vats, given) { services = given; },
      greet: (name) => 'Hello, ' + name + '!',
      counter: () => makeCounter(0),
      echo: (value) => value,
      fail() { throw new Error('it failed'); },
      wait: () => gate,
      open() { release('open'); },
      connect: async (url) => { kept = await E(services.ocapURLRedemptionService).redeem(url); },
      keep(object) { kept = object; },
      useKept: (method, ...args) => E(kept)[method](...args),
      keepDurably(object) { baggage.has('it') ? baggage.set('it', object) : baggage.init('it', object); },
      useDurable: (method, ...args) => E(baggage.get('it'))[method](...args),
      chain: () => E(E(E(E(E(kept).counter()).self()).self()).self()).next(),
      many: async (count) => {
        const answers = await Promise.all(Array.from({ length: count }, (_, at) => E(kept).echo(at)));
        return answers.every((answer, at) => answer === at) ? answers.length : answers;
      },
      callBack: (object) => E(object).greet('you'),
      lend: () => E(kept).take(gate),
      take(promise) { promise.then((value) => seen.push(value), ({ message }) => seen.push(message)); },
      seen: () => [...seen],
      forget() { kept = undefined; },
    });
  } };
`);

export type Started = { kernel: Kernel; root: KRef; peerId: string; dbFilename: string };

/** A kernel on that network, with the vat above; `kernel.stop()` is the test's, or comes with its end. */
export async function start(
  network: MemoryNetwork,
  options: RemoteCommsOptions = {},
  dbFilename = makeStoreFile(),
  {
    onCommit = () => {},
    ...more
  }: {
    resetStorage?: boolean;
    mnemonic?: string;
    onCommit?: (isSynced: boolean) => void;
  } = {},
): Promise<Started> {
  const platform = new NodejsPlatformServices();
  Object.defineProperty(platform, 'startTransport', { value: network.startTransport });
  const database = await makeSQLKernelDatabase({ dbFilename });
  const overheard: typeof database = {
    ...database,
    commit(changes, commitOptions) {
      database.commit(changes, commitOptions);
      onCommit(commitOptions?.sync ?? false);
    },
  };
  const kernel = track(
    await KernelClass.make(platform, overheard, {
      logger: makeLogRecorder(),
      ...more,
    }),
  );
  const isNew = kernel.getVatIds().length === 0;
  const root = isNew
    ? (
        await kernel.launchSubcluster({
          ...clusterOf(vat),
          services: ['ocapURLIssuerService', 'ocapURLRedemptionService'],
        })
      ).rootKref
    : kernel.getRootObject('v1');
  await kernel.initRemoteComms({
    reconnectionBaseDelayMs: 10,
    reconnectionMaxDelayMs: 50,
    ...options,
  });
  const { peerId } = (await kernel.getStatus()).remoteComms;
  return { kernel, root, peerId: peerId as string, dbFilename };
}

const { now } = Date;
let passed = 0;
/** Minutes pass for all kernels here, between two turns of their timers. */
export const passMinutes = (minutes: number): void => {
  passed += minutes * 60_000;
  vi.spyOn(Date, 'now').mockImplementation(() => now() + passed);
};
afterEach(() => {
  passed = 0;
  vi.restoreAllMocks();
});

/** The one's root, as the other has it. */
export const redeem = async (from: Started, to: Started): Promise<KRef> =>
  to.kernel.redeemOcapURL(await from.kernel.issueOcapURL(from.root));
