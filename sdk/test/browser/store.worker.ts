/** A store in a worker of its own, which can be killed: `open`, `get`, `commit` and so on, asked for by message. */
import type { WasmDatabase, WasmDatabaseOptions } from '../../src/store/sqlite-wasm.js';
import { makeSQLKernelDatabase } from '../../src/store/sqlite-wasm.js';

export type StoreRequest = { open: WasmDatabaseOptions } | { call: string; args: unknown[] };
export type StoreAnswer =
  { value: unknown } | { error: { code?: string; message: string; data?: unknown } };

let store: WasmDatabase | undefined;

async function perform(request: StoreRequest): Promise<unknown> {
  if ('open' in request) {
    store = await makeSQLKernelDatabase(request.open);
    return store.storage;
  }
  const method = (store as unknown as Record<string, (...args: unknown[]) => unknown>)[
    request.call
  ];
  return method?.(...request.args);
}

onmessage = async ({ data }: MessageEvent<StoreRequest>) => {
  try {
    postMessage({ value: await perform(data) });
  } catch (thrown) {
    const { code, message, data: details } = thrown as Error & { code?: string; data?: unknown };
    postMessage({ error: { ...(code && { code }), message, data: details } });
  }
};
