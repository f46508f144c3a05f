/** Serves what pages ask of the whole store, on the channels of their sessions; see `protocol/tab-wire.ts`. */
import { KernelError, isKernelError } from '../../errors.js';
import { isStoreRequest, type StoreReply, type StoreRequest } from '../../protocol/tab-wire.js';
import { readStoreFile, type WasmDatabase } from '../../store/sqlite-wasm.js';
import { adoptStore, type Rows } from '../adopt-store.js';
import { messageOf } from '../bundles.js';
import type { PortLike } from '../session-channel.js';

export type StoreRequestPowers = {
  database: WasmDatabase;
  wasmBinary: Uint8Array | undefined;
  /** Stops the kernel and puts these rows in the place of its own. */
  replace: (rows: Rows) => Promise<void>;
  /** There is no kernel any more, whether that went well or not, and whoever asked knows. */
  onReplaced: () => void;
};

export type StoreRequests = {
  /** The port as the kernel is to have it. */
  within: (port: PortLike) => PortLike;
};

export function makeStoreRequests({
  database,
  wasmBinary,
  replace,
  onReplaced,
}: StoreRequestPowers): StoreRequests {
  /** The kernel stops to begin anew: its clients hear of it when there is another, and not of its end. */
  let isReplacing = false;

  const perform = async (request: StoreRequest): Promise<Blob | undefined> => {
    if (request.type === 'store-export')
      return new Blob([database.exportFile()], { type: 'application/vnd.sqlite3' });
    if (database.storage === 'memory')
      throw new KernelError('STORE_FAILED', 'Cannot import: this kernel keeps nothing');
    if (isReplacing) throw new KernelError('STORE_FAILED', 'Cannot import: another import is under way');
    const bytes = new Uint8Array(await request.file.arrayBuffer());
    const rows = adoptStore(await readStoreFile(bytes, wasmBinary && { wasmBinary }));
    isReplacing = true;
    await replace(rows);
    return undefined;
  };

  const answer = async (port: PortLike, request: StoreRequest): Promise<void> => {
    const { id } = request;
    let reply: StoreReply;
    try {
      const file = await perform(request);
      reply = { type: 'store-done', id, ...(file && { file }) };
    } catch (thrown) {
      const { code, message } = isKernelError(thrown)
        ? thrown
        : new KernelError('INTERNAL_ERROR', messageOf(thrown));
      reply = { type: 'store-failed', id, error: { code, message } };
    }
    port.postMessage(reply);
    if (isReplacing && request.type === 'store-import') onReplaced();
  };

  return {
    within: (port) => ({
      postMessage(message) {
        if (!isReplacing) port.postMessage(message);
      },
      addEventListener(type, listener) {
        port.addEventListener?.(type, (event) => {
          const message = (event as MessageEvent<unknown>).data;
          if (type === 'message' && isStoreRequest(message)) void answer(port, message);
          else listener(event);
        });
      },
      start: () => port.start?.(),
      close() {
        if (!isReplacing) port.close?.();
      },
    }),
  };
}
