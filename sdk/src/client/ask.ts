/** What a client asks of the kernel itself: methods of its session's admin object. */
import { isKernelError } from '../errors.js';
import type { AdminMethods, WireError } from '../protocol/session-wire.js';
import type { Connection } from './connection.js';
import { errorOfWire } from './errors.js';
import type { CallOptions } from './types.js';

/** @param options - `repeats`: so often it may be asked again, where asking twice does no more than asking once. */
export type Ask = <Method extends keyof AdminMethods>(
  method: Method,
  args: AdminMethods[Method],
  options?: CallOptions & { repeats?: number },
) => Promise<unknown>;

export const REPEATS_MAX = 2;

type Reply = { ok: true; value: unknown } | { ok: false; error: WireError };

export function makeAsk(connection: Connection): Ask {
  const ask: Ask = async (method, args, { repeats = 0, ...options } = {}) => {
    await connection.ready();
    try {
      const reply = (await connection.session().ask(method, args, options)) as Reply;
      if (reply.ok) return reply.value;
      throw errorOfWire(reply.error);
    } catch (thrown) {
      // The end of a kernel need not be told.
      if (!repeats || !isKernelError(thrown, 'SERVICE_INTERRUPTED')) throw thrown;
      return ask(method, args, { ...options, repeats: repeats - 1 });
    }
  };
  return ask;
}
