/** A kernel in a browser: vats in workers of their own under the kernel's, state on the private file system. */
import { RUNTIME_ABI } from '../../src/protocol/runtime-abi.js';
import { afterEach, describe, expect, it } from 'vitest';
import { commands } from 'vitest/browser';
import type { KernelAnswer, KernelRequest } from './kernel.worker.js';

const workers: Worker[] = [];
afterEach(() => {
  for (const worker of workers.splice(0)) worker.terminate();
});

function startKernelWorker() {
  const worker = new Worker(new URL('./kernel.worker.ts', import.meta.url), { type: 'module' });
  workers.push(worker);
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  worker.onmessage = ({ data: [id, answer] }: MessageEvent<[number, KernelAnswer]>) => {
    const waiter = waiting.get(id);
    waiting.delete(id);
    if ('value' in answer) waiter?.resolve(answer.value);
    else waiter?.reject(Object.assign(new Error(answer.error.message), answer.error));
  };
  worker.onerror = ({ message }) => {
    for (const { reject } of waiting.values()) reject(new Error(`the worker failed: ${message}`));
  };
  let id = 0;
  const ask = <T>(request: KernelRequest) =>
    new Promise<T>((resolve, reject) => {
      waiting.set((id += 1), { resolve: resolve, reject });
      worker.postMessage([id, request]);
    });
  return {
    make: (make: Extract<KernelRequest, { make: unknown }>['make']) => ask<string>({ make }),
    call: <T = unknown>(call: string, ...args: unknown[]) => ask<T>({ call, args }),
    queue: (target: string, method: string, ...args: unknown[]) =>
      ask({ queue: [target, method, args] }),
    kill: () => worker.terminate(),
  };
}

/** A bundle as the bundler makes it of a vat with this root. */
function bundleOf(root: string, outside = ''): string {
  const code = `var __vatExports__ = (function (exports) {
const { E, makeDefaultExo, prepareExo } = $vatkit['@vatkit/sdk/vat'];
${outside}
exports.buildRootObject = (vatPowers, parameters, baggage) => makeDefaultExo('root', { ${root} });
return exports; })({});`;
  const content = JSON.stringify({ moduleFormat: 'vatkit', abi: RUNTIME_ABI, code });
  return `data:application/json,${encodeURIComponent(content)}`;
}

const counter = bundleOf(`
  greet: () => 'Greeting from ' + parameters.name,
  increment() {
    const next = (baggage.has('count') ? baggage.get('count') : 0n) + 1n;
    if (next === 1n) baggage.init('count', next); else baggage.set('count', next);
    return next;
  },
  ask: (other) => E(other).greet(),
  loop() { for (;;); },
  stop: () => vatPowers.exitVat('done'),
`);

type Launched = { subclusterId: string; rootKref: string };
const cluster = (vats: Record<string, object>) => ({ bootstrap: Object.keys(vats)[0], vats });

const speaker = bundleOf(`
  greet: (name) => 'Chromium greets ' + name,
  ask: (other, name) => E(other).greet(name),
`);

let names = 0;
const newName = (): string => `kernel-${Date.now()}-${(names += 1)}`;

describe('a kernel in a worker', () => {
  it("runs the guide's alice and bob, who talk", async () => {
    const kernel = startKernelWorker();
    await kernel.make({});
    const { rootKref } = await kernel.call<Launched>(
      'launchSubcluster',
      cluster({
        alice: { bundleSpec: counter, parameters: { name: 'Alice' } },
        bob: { bundleSpec: counter, parameters: { name: 'Bob' } },
      }),
    );
    expect(await kernel.queue(rootKref, 'greet')).toBe('Greeting from Alice');
    const bob = await kernel.call<string>('getRootObject', 'v2');
    expect(await kernel.queue(rootKref, 'ask', { kref: bob })).toBe('Greeting from Bob');
    expect(await kernel.call('checkInvariants')).toStrictEqual([]);
    await kernel.call('stop');
  });

  it('remembers over the death of its worker', async () => {
    const dbFilename = newName();
    let kernel = startKernelWorker();
    expect(await kernel.make({ dbFilename })).toBe('file');
    const { rootKref } = await kernel.call<Launched>(
      'launchSubcluster',
      cluster({ alice: { bundleSpec: counter, parameters: { name: 'Alice' } } }),
    );
    expect(await kernel.queue(rootKref, 'increment')).toBe(1n);
    for (const count of [2n, 3n]) {
      kernel.kill();
      kernel = startKernelWorker();
      await kernel.make({ dbFilename });
      expect(await kernel.queue(rootKref, 'increment')).toBe(count);
    }
    await kernel.call('stop');
  });

  it('stops a vat that loops, while others answer, and starts it again', async () => {
    const kernel = startKernelWorker();
    await kernel.make({ options: { limits: { vatUnresponsiveMs: 1_000 } } });
    const { rootKref } = await kernel.call<Launched>(
      'launchSubcluster',
      cluster({
        alice: { bundleSpec: counter, parameters: { name: 'Alice' } },
        bob: { bundleSpec: counter, parameters: { name: 'Bob' } },
      }),
    );
    const bob = await kernel.call<string>('getRootObject', 'v2');
    const looping = kernel.queue(rootKref, 'loop');
    looping.catch(() => {});
    expect(await kernel.queue(bob, 'greet')).toBe('Greeting from Bob');
    await expect(looping).rejects.toMatchObject({ code: 'VAT_CRASHED' });
    expect(await kernel.queue(rootKref, 'greet')).toBe('Greeting from Alice');
    expect(await kernel.call('checkInvariants')).toStrictEqual([]);
    await kernel.call('stop');
  });

  it('says what is wrong with a bundle, of a vat that throws, and of one that is gone', async () => {
    const kernel = startKernelWorker();
    await kernel.make({});
    const launch = (bundleSpec: string) =>
      kernel.call<Launched>('launchSubcluster', cluster({ alice: { bundleSpec } }));
    await expect(launch('file:///a.bundle')).rejects.toThrow('is no http, https, data or blob URL');
    await expect(launch(`${location.origin}/no-such.bundle`)).rejects.toThrow('alice');
    await expect(launch(bundleOf('', "throw Error('at the top')"))).rejects.toThrow('at the top');
    const { rootKref } = await launch(counter);
    await expect(kernel.queue(rootKref, 'nonsense')).rejects.toThrow('nonsense');
    await kernel.queue(rootKref, 'stop').catch(() => {});
    await expect(kernel.queue(rootKref, 'greet')).rejects.toMatchObject({
      code: expect.stringMatching(/VAT_TERMINATED|OBJECT_DELETED/) as string,
    });
    await kernel.call('stop');
  });
});

describe("a vat's fetch", () => {
  it('reaches the hosts that it was granted, by the host, and no other', async () => {
    const kernel = startKernelWorker();
    await kernel.make({});
    const fetching = bundleOf(`
      async get(url) { const response = await fetch(url); return [response.status, typeof (await response.text())]; },
    `);
    const { rootKref } = await kernel.call<Launched>(
      'launchSubcluster',
      cluster({
        alice: {
          bundleSpec: fetching,
          globals: ['fetch'],
          network: { allowedHosts: [location.hostname] },
        },
      }),
    );
    expect(await kernel.queue(rootKref, 'get', `${location.origin}/@vite/client`)).toStrictEqual([
      200,
      'string',
    ]);
    await expect(kernel.queue(rootKref, 'get', 'https://example.org/')).rejects.toThrow(
      'example.org',
    );
    await kernel.call('stop');
  });
});

describe('kernels in pages and on Node', () => {
  it('call each other over our relay, both ways', async () => {
    const { relays } = await commands.startNetwork();
    const start = async () => {
      const kernel = startKernelWorker();
      await kernel.make({});
      const { rootKref } = await kernel.call<Launched>(
        'launchSubcluster',
        cluster({ a: { bundleSpec: speaker } }),
      );
      await kernel.call('initRemoteComms', { relays });
      return { kernel, rootKref };
    };
    const [here, there] = [await start(), await start()];
    const onNode = await here.kernel.call<string>(
      'redeemOcapURL',
      await commands.startPeer(relays),
    );
    expect(await here.kernel.queue(onNode, 'greet', 'Chromium')).toBe('Node greets Chromium');
    // Node calls the page's object, which it was given in a call.
    const own = { kref: here.rootKref };
    expect(await here.kernel.queue(onNode, 'ask', own, 'Node')).toBe('Chromium greets Node');

    const url = await there.kernel.call<string>('issueOcapURL', there.rootKref);
    const inPage = await here.kernel.call<string>('redeemOcapURL', url);
    expect(await here.kernel.queue(inPage, 'greet', 'Chromium')).toBe('Chromium greets Chromium');
    // And Node calls the third one, by what the first passed on.
    expect(await here.kernel.queue(onNode, 'ask', { kref: inPage }, 'Node')).toBe(
      'Chromium greets Node',
    );
    for (const { kernel } of [here, there]) await kernel.call('stop');
    await commands.stopNetwork();
  });
});
