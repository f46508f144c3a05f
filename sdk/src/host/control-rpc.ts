/**
 * The kernel's control methods as JSON-RPC 2.0, with the peer's method names and parameters: what a control panel
 * speaks over a port and `vatkit daemon` over its socket. Who can send here has the kernel's whole authority.
 */
import { isKernelError } from '../errors.js';
import { checkCaveatLimits } from '../protocol/caveat-limits.js';
import { RemoteCommsOptionsStruct } from '../protocol/comms-options.js';
import { ClusterConfigStruct } from '../protocol/config.js';
import { kslot } from '../protocol/kernel-values.js';
import { isKRef } from '../protocol/refs.js';
import { messageOf } from './bundles.js';
import type { Kernel } from './kernel.js';

export type RpcId = string | number | null;
export type RpcResponse = { jsonrpc: '2.0'; id: RpcId } & (
  { result: unknown } | { error: { code: number; message: string; data?: unknown } }
);

export const rpcErrors = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
} as const;

class InvalidParams extends Error {}

type Params = { [name: string]: unknown } | unknown[];
type Method = (kernel: Kernel, params: Params) => unknown;

const text = (params: Params, name: string): string => {
  const value = Array.isArray(params) ? undefined : params[name];
  if (typeof value === 'string') return value;
  throw new InvalidParams(`expected { "${name}": string }`);
};

/** Addresses of a peer. @param byDefault - where none are given; undefined: they must be. */
const hintsOf = (params: Params, byDefault?: string[]): string[] => {
  const { hints = byDefault } = Array.isArray(params) ? {} : params;
  if (Array.isArray(hints) && hints.every((hint) => typeof hint === 'string')) return hints;
  throw new InvalidParams('expected { "peerId": string, "hints": string[] }');
};

/** What the kernel itself checks and refuses is wrong with the request, too. */
const asParams = async <T>(work: () => T | Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof TypeError || thrown instanceof RangeError)
      throw new InvalidParams(messageOf(thrown));
    throw thrown;
  }
};

/** In the arguments of a message, the text of a kref stands for the reference, as it does in the peer's command line. */
const withReferences = (value: unknown): unknown => {
  if (isKRef(value)) return kslot(value);
  if (Array.isArray(value)) return value.map(withReferences);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [key, withReferences(part)]),
  );
};

/** `void` methods answer null: undefined does not exist in JSON. */
const methods: { [name: string]: Method } = {
  ping: () => 'pong',
  getStatus: (kernel) => kernel.getStatus(),
  launchSubcluster: async (kernel, params) => {
    const config = Array.isArray(params) ? undefined : params.config;
    const [problem, checked] = ClusterConfigStruct.validate(config);
    if (checked === undefined) throw new InvalidParams(messageOf(problem));
    const { bootstrapResult = null, ...rest } = await kernel.launchSubcluster(checked);
    return { ...rest, bootstrapResult };
  },
  terminateSubcluster: (kernel, params) => kernel.terminateSubcluster(text(params, 'id')),
  queueMessage: (kernel, params) => {
    if (!Array.isArray(params) || params.length < 2 || params.length > 3) {
      throw new InvalidParams('expected [target, method, args?]');
    }
    const [target, method, args = []] = params;
    if (typeof target !== 'string' || typeof method !== 'string' || !Array.isArray(args)) {
      throw new InvalidParams('expected [target: string, method: string, args?: array]');
    }
    return kernel.queueMessage(target, method, args.map(withReferences));
  },
  pingVat: (kernel, params) => kernel.pingVat(text(params, 'id')),
  restartVat: (kernel, params) => kernel.restartVat(text(params, 'id')),
  terminateVat: (kernel, params) => kernel.terminateVat(text(params, 'id')),
  terminateAllVats: (kernel) => kernel.terminateAllVats(),
  revoke: (kernel, params) => kernel.revoke(text(params, 'kref')),
  isRevoked: (kernel, params) => kernel.isRevoked(text(params, 'kref')),
  caveat: (kernel, params) => {
    const { limits } = Array.isArray(params) ? {} : params;
    const kref = text(params, 'kref');
    return asParams(() => kernel.caveat(kref, checkCaveatLimits(limits)));
  },
  initRemoteComms: (kernel, params) => {
    // Without any, a request has an empty list of them.
    const isNone = Array.isArray(params) && params.length === 0;
    const [problem, options] = RemoteCommsOptionsStruct.validate(isNone ? {} : params);
    if (options === undefined) throw new InvalidParams(messageOf(problem));
    return kernel.initRemoteComms(options);
  },
  registerLocationHints: (kernel, params) =>
    asParams(() => kernel.registerLocationHints(text(params, 'peerId'), hintsOf(params))),
  reconnectPeer: (kernel, params) =>
    asParams(() => kernel.reconnectPeer(text(params, 'peerId'), hintsOf(params, []))),
  closeConnection: (kernel, params) =>
    asParams(() => kernel.closeConnection(text(params, 'peerId'))),
  getPeerStatus: (kernel, params) => asParams(() => kernel.getPeerStatus(text(params, 'peerId'))),
  issueOcapURL: (kernel, params) => {
    const kref = text(params, 'kref');
    const { kref: _, ...options } = params as { [name: string]: unknown };
    return asParams(() => kernel.issueOcapURL(kref, options));
  },
  revokeOcapURL: (kernel, params) => kernel.revokeOcapURL(text(params, 'url')),
  redeemOcapURL: (kernel, params) => kernel.redeemOcapURL(text(params, 'url')),
  collectGarbage: (kernel) => kernel.collectGarbage(),
  clearState: (kernel) => kernel.reset(),
  executeDBQuery: (kernel, params) => kernel.kernelDatabase.executeQuery(text(params, 'sql')),
};

/** Answers one request, already parsed. Never rejects; `undefined` for a notification, which wants no answer. */
export async function answerControlRpc(
  kernel: Kernel,
  request: unknown,
): Promise<RpcResponse | undefined> {
  const failed = (id: RpcId, code: number, message: string, data?: unknown): RpcResponse => ({
    jsonrpc: '2.0',
    id,
    error: { code, message, ...(data !== undefined && { data }) },
  });
  if (typeof request !== 'object' || request === null || Array.isArray(request)) {
    return failed(null, rpcErrors.invalidRequest, 'Invalid request: expected an object');
  }
  const { jsonrpc, method, params = [], id } = request as { [key: string]: unknown };
  const replyTo: RpcId = typeof id === 'string' || typeof id === 'number' ? id : null;
  if (jsonrpc !== '2.0')
    return failed(replyTo, rpcErrors.invalidRequest, 'Invalid request: expected jsonrpc "2.0"');
  if (typeof method !== 'string')
    return failed(replyTo, rpcErrors.invalidRequest, 'Invalid request: missing method');
  const respond = async (): Promise<RpcResponse> => {
    if (!Object.hasOwn(methods, method)) {
      return failed(
        replyTo,
        rpcErrors.methodNotFound,
        `there is no method ${JSON.stringify(method.slice(0, 100))}`,
      );
    }
    if (typeof params !== 'object' || params === null) {
      return failed(
        replyTo,
        rpcErrors.invalidParams,
        'Invalid params: expected an array or an object',
      );
    }
    try {
      const result = await (methods[method] as Method)(kernel, params as Params);
      return { jsonrpc: '2.0', id: replyTo, result: result ?? null };
    } catch (thrown) {
      if (thrown instanceof InvalidParams) {
        return failed(replyTo, rpcErrors.invalidParams, `Invalid params: ${thrown.message}`);
      }
      const data = isKernelError(thrown) ? { code: thrown.code } : undefined;
      return failed(replyTo, rpcErrors.internal, messageOf(thrown), data);
    }
  };
  const response = await respond();
  return id === undefined ? undefined : response;
}

/** Answers the control requests that a port gives to `listen`. */
export function serveControlRpc(
  kernel: Kernel,
  port: {
    send: (message: unknown) => void;
    listen: (listener: (message: unknown) => void) => void;
  },
): void {
  port.listen((message) => {
    answerControlRpc(kernel, message)
      .then((response) => response && port.send(response))
      .catch(() => {
        // The port is closed: there is nobody to tell.
      });
  });
}
