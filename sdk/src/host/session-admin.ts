/**
 * The object that serves the admin requests of one client session: `AdminMethods` of the wire.
 *
 * Who holds it has the kernel's whole authority. It answers with records, so that an error keeps its code, its data and
 * its cause, which a rejection on the wire has no place for.
 */
import { KernelError, isKernelError } from '../errors.js';
import { describeOrQuote } from '../protocol/describe.js';
import { isStandIn, krefOf, kslot } from '../protocol/kernel-values.js';
import { isKRef, type KRef } from '../protocol/refs.js';
import type { LaunchStep, WireError } from '../protocol/session-wire.js';
import { messageOf } from './bundles.js';
import type { Kernel } from './kernel.js';
import type { NamedLaunches } from './named-launches.js';
import type { SessionLine } from './session-server.js';

/** Methods of `Kernel` that a client may call by name: all that take and give data. */
const kernelMethods = [
  'launchSubcluster',
  'reloadSubcluster',
  'terminateSubcluster',
  'getSubcluster',
  'getSubclusters',
  'isVatInSubcluster',
  'getSubclusterVats',
  'getSystemSubclusterRoot',
  'launchVat',
  'getRootObject',
  'queueMessage',
  'pingVat',
  'restartVat',
  'upgradeVat',
  'terminateVat',
  'terminateAllVats',
  'getVats',
  'getVatIds',
  'pinVatRoot',
  'unpinVatRoot',
  'revoke',
  'isRevoked',
  'release',
  'getPresence',
  'initIdentity',
  'initRemoteComms',
  'issueOcapURL',
  'redeemOcapURL',
  'issueNamed',
  'revokeOcapURL',
  'closeConnection',
  'reconnectPeer',
  'registerLocationHints',
  'getPeerStatus',
  'getStatus',
  'reload',
  'reset',
  'clearStorage',
  'collectGarbage',
  'reapVats',
  'checkInvariants',
  'inspectVat',
  'getObjects',
  'getMessages',
  'getActivity',
  'awaitActivity',
  'queryStore',
] as const;

export type SessionAdminPowers = {
  kernel: Kernel;
  launches: NamedLaunches;
  isNameable: (kref: string) => boolean;
  line: SessionLine;
};

type Answer = { ok: true; value: unknown } | { ok: false; error: WireError };

export function makeSessionAdmin({
  kernel,
  launches,
  isNameable,
  line,
}: SessionAdminPowers): object {
  const answering =
    <Args extends unknown[]>(method: (...args: Args) => unknown) =>
    async (...args: Args): Promise<Answer> => {
      try {
        return { ok: true, value: await method(...args) };
      } catch (thrown) {
        return { ok: false, error: wireErrorOf(thrown) };
      }
    };

  return {
    launch: answering((request: unknown) => {
      const progress = (request as { progress?: number } | null)?.progress;
      const onStep = (step: LaunchStep): void => {
        if (typeof progress === 'number') line.progress(progress, step);
      };
      return launches.launch(request, onStep);
    }),

    terminate: answering((name: unknown) => launches.terminate(name)),

    ref: answering((kref: unknown) => {
      if (!isKRef(kref))
        throw new TypeError(`a kref is text like "ko4"; found ${describeOrQuote(kref)}`);
      if (!isNameable(kref)) {
        throw new KernelError('NOT_FOUND', `there is no ${kref}, or nobody holds it any more`);
      }
      return kslot(kref);
    }),

    krefOf: answering(insistRef),

    kernel: answering((method: unknown, args: unknown) => {
      const name = kernelMethods.find((each) => each === method);
      const found = name && (kernel as unknown as { [name: string]: unknown })[name];
      if (typeof found !== 'function' || !Array.isArray(args)) {
        throw new KernelError(
          'NOT_FOUND',
          `the kernel has no method ${JSON.stringify(method)} for clients`,
        );
      }
      return (found as (...args: unknown[]) => unknown).apply(kernel, args);
    }),

    connect: answering((refs: unknown) => {
      if (!Array.isArray(refs))
        throw new TypeError(`connect takes an array of refs; found ${describeOrQuote(refs)}`);
      return line.connect(refs.map(insistRef));
    }),
  };
}

/** In the words of a page, which has refs and no stand-ins. */
function insistRef(ref: unknown): KRef {
  if (isStandIn(ref)) return krefOf(ref);
  throw new TypeError(
    `krefOf, issue and connect take refs, as launch and calls give them; found ${describeOrQuote(ref)}`,
  );
}

function wireErrorOf(thrown: unknown): WireError {
  if (!isKernelError(thrown)) {
    // A caller's mistake, or what a method that was called threw.
    const { name, stack } = thrown instanceof Error ? thrown : { name: 'Error', stack: undefined };
    const cause = { name, message: messageOf(thrown), ...(stack !== undefined && { stack }) };
    return { code: 'DELIVERY_FAILED', message: messageOf(thrown), cause };
  }
  const { code, message, data } = thrown;
  const cause = firstCause(thrown);
  return {
    code,
    message,
    ...(data !== undefined && { data: passableData(data) }),
    ...(cause !== undefined && {
      cause: {
        name: cause.name,
        message: cause.message,
        ...(cause.stack !== undefined && { stack: cause.stack }),
      },
    }),
  };
}

/** Where it began: what a vat threw, whose stack leads to its source. */
function firstCause({ cause }: Error): Error | undefined {
  return cause instanceof Error ? (firstCause(cause) ?? cause) : undefined;
}

/** What of an error's data is JSON. */
function passableData(data: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(data)) as unknown;
  } catch {
    return undefined;
  }
}
