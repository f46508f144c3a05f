/** A kernel's platform in one realm: vats run beside the test, and all that passes is cloned as between workers. */
import type { MemoryNetwork } from '../comms/memory-transport.js';
import { hmacSha256 } from '../host/browser/hmac.js';
import type { PlatformServices, VatWorkerEvents } from '../host/platform-services.js';
import type { FromVat, ToVat } from '../protocol/vat-wire.js';
import type { KernelDatabase } from '../store/kv-store.js';
import { makeMemoryStore } from '../store/memory-store.js';
import { makeVatRuntime } from '../vat/unconfined.js';
import type { ManualClock } from './clock.js';
import { loadUnconfined, registered, type BuildRootObject } from './vats.js';

export type TestPlatformOptions = {
  network?: MemoryNetwork | undefined;
  clock?: ManualClock | undefined;
  vats?: { readonly [name: string]: BuildRootObject } | undefined;
};

/** Runs callbacks one for each turn of the event loop, after all promise jobs. */
function makeTurns(): (callback: () => void) => void {
  const { port1, port2 } = new MessageChannel();
  const waiting: (() => void)[] = [];
  port1.onmessage = () => {
    waiting.shift()?.();
    if (waiting.length === 0) (port1 as { unref?: () => void }).unref?.();
  };
  (port1 as { unref?: () => void }).unref?.();
  return (callback) => {
    waiting.push(callback);
    (port1 as { ref?: () => void }).ref?.();
    port2.postMessage(null);
  };
}

export function makeTestPlatform({
  clock,
  network,
  vats = {},
}: TestPlatformOptions): PlatformServices {
  const nextTurn = makeTurns();
  const startVatWorker = (_vatId: string, { onMessage }: VatWorkerEvents) => {
    let isGone = false;
    const runtime = makeVatRuntime({
      post(message: FromVat) {
        const clone = structuredClone(message);
        nextTurn(() => {
          if (!isGone) onMessage(clone);
        });
      },
      nextMacrotask: nextTurn,
      now: () => performance.now(),
      after: (ms, callback) => void setTimeout(callback, ms),
      load: loadUnconfined,
      platform: {
        timers: clock ?? {
          setTimeout: (callback: () => void, ms?: number) => setTimeout(callback, ms),
          clearTimeout: (handle) => clearTimeout(handle as number),
        },
        URL,
        URLSearchParams,
        crypto: () => crypto,
        atob: (text) => atob(text),
        btoa: (text) => btoa(text),
      },
    });
    nextTurn(() => onMessage({ type: 'ready' }));
    return {
      send(message: ToVat) {
        const clone = structuredClone(message);
        nextTurn(() => {
          if (!isGone) runtime.handle(clone);
        });
      },
      async terminate() {
        isGone = true;
      },
    };
  };
  return {
    startVatWorker,
    hmacSha256,
    isDebugged: () => true,
    ...(network && { startTransport: network.startTransport }),
    async fetchText(url) {
      const [, name = ''] = /([^/]+?)(?:\.vat)?(?:-[\w-]+)?\.bundle(?:[?#]|$)/.exec(url) ?? [];
      const build = Object.hasOwn(vats, name) ? vats[name] : undefined;
      if (build !== undefined) return registered(build);
      if (/^file:/i.test(url)) return readFile(url);
      const response = await fetch(url);
      if (!response.ok) throw new Error(`${response.status} ${response.statusText}`.trim());
      return response.text();
    },
  };
}

/** Where there are files: the same module runs in pages. */
function readFile(url: string): string {
  const { getBuiltinModule } = (globalThis as { process?: Partial<typeof process> }).process ?? {};
  if (getBuiltinModule === undefined) throw new Error(`There are no files here: ${url}`);
  return getBuiltinModule('node:fs').readFileSync(new URL(url), 'utf8');
}

export function makeTestDatabase(): KernelDatabase {
  const store = makeMemoryStore();
  return {
    ...store,
    filename: ':memory:',
    executeQuery: () => {
      throw new TypeError('a test kernel keeps its rows in a map: there is no SQL');
    },
    clear: () => store.commit(store.keys('').map((key) => [key, null] as const)),
    reopen: () => undefined,
  };
}
