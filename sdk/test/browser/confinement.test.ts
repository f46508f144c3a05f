/** What is left of a worker's powers where vats run: nothing, even for code that got out of its compartment. */
import { expect, it } from 'vitest';
import vatWorkerText from 'vatkit:vat-worker';
import { keptGlobals } from '../../src/vat/ambient-globals.js';

/** Runs the vat worker's program, and after it `probe`, as code of the worker's own realm. */
async function probe<T>(body: string): Promise<T> {
  const text = [
    'const report = postMessage.bind(globalThis);',
    `(function () { ${vatWorkerText} })();`,
    `report({ probed: (${body})() });`,
  ].join('\n');
  const url = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
  const worker = new Worker(url);
  try {
    return await new Promise<T>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<{ probed?: T; type?: string }>) => {
        if (data.type !== 'ready') resolve(data.probed as T);
      };
      worker.onerror = ({ message }) => reject(new Error(message));
    });
  } finally {
    worker.terminate();
    URL.revokeObjectURL(url);
  }
}

it('no name of the platform is left on the global object or any of its prototypes', async () => {
  const names = await probe<string[]>(`() => {
    const names = [];
    for (let owner = globalThis; owner !== null && owner !== Object.prototype; owner = Object.getPrototypeOf(owner)) {
      names.push(...Object.getOwnPropertyNames(owner));
    }
    return names;
  }`);
  // Two numbers of an old interface, which cannot be deleted.
  const harmless = ['PERSISTENT', 'TEMPORARY'];
  expect(names.filter((name) => !keptGlobals.has(name)).sort()).toStrictEqual(harmless);
  expect(names).toContain('Compartment');
});

it.each([
  ...['fetch', 'XMLHttpRequest', 'WebSocket', 'WebSocketStream', 'EventSource', 'WebTransport'],
  ...['importScripts', 'Worker', 'SharedWorker', 'BroadcastChannel', 'MessageChannel'],
  ...['indexedDB', 'caches', 'navigator', 'FileSystemHandle', 'CookieStore', 'cookieStore'],
  ...['postMessage', 'close', 'addEventListener', 'onmessage', 'dispatchEvent', 'self', 'location'],
  ...['setTimeout', 'setInterval', 'queueMicrotask', 'performance', 'crypto', 'WebAssembly'],
  ...['OffscreenCanvas', 'createImageBitmap', 'Notification', 'RTCPeerConnection', 'locks', 'gpu'],
])('%s is gone', async (name) => {
  expect(await probe<string>(`() => typeof ${name}`)).toBe('undefined');
});
