/**
 * For tests: a vat run by the real runtime in this realm, and as much of a kernel as the test scripts itself.
 * The test file imports lockdown.js before this.
 */
import { limits } from '../limits.js';
import { webcrypto } from 'node:crypto';
import { existsSync, lstatSync } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { CapData } from '../protocol/capdata.js';
import { RUNTIME_ABI } from '../protocol/runtime-abi.js';
import type {
  Bundle,
  CrankFailure,
  CrankResult,
  Delivery,
  FromVat,
  Resolution,
  StateWrite,
  Syscall,
  HostAnswer,
  VatEndowments,
} from '../protocol/vat-wire.js';
import { makeVatRuntime } from './vat-runtime.js';

setFlagsFromString('--expose-gc');
// The optimizing compiler holds on to objects that the code it compiles has met: one forced collection would not do.
setFlagsFromString('--no-opt');
const gc = runInNewContext('gc') as () => void;

/** A bundle whose `buildRootObject(powers, parameters, baggage)` has this body. */
export const bundleOf = (body: string, outside = ''): Bundle => ({
  moduleFormat: 'vatkit',
  abi: RUNTIME_ABI,
  code: `var __vatExports__ = (function (exports) {
const { E, M, Far, makeExo, makeDefaultExo, prepareExo, prepareExoClass, prepareExoClassKit } = $vatkit['@vatkit/sdk/vat'];
${outside}
exports.buildRootObject = (powers, parameters, baggage) => {
${body}
};
return exports;
})({});`,
});

export type TestVat = ReturnType<typeof makeTestVat>;
type Log = Extract<FromVat, { type: 'log' }>;
type Ask = Extract<FromVat, { type: 'ask' }>;
type State = [key: string, value: string][];

export type TestVatOptions = {
  globals?: string[];
  allowedHosts?: string[];
  platformConfig?: VatEndowments['platformConfig'];
  messageBytesMax?: number;
};

/** Smallcaps of plain data and of references written out: `capData(['$0.Alleged: a'], ['o-1'])`. */
export const capData = (value: unknown, slots: string[] = []): CapData => ({
  body: `#${JSON.stringify(value)}`,
  slots,
});

export function makeTestVat(bundle: Bundle | string, options: TestVatOptions = {}) {
  const { globals = [], allowedHosts, platformConfig, messageBytesMax = 1_000_000 } = options;
  const answers = new Map<number, (message: FromVat) => void>();
  const logs: Log[] = [];
  const asks: Ask[] = [];
  const cancelled: number[] = [];
  const askers: (() => void)[] = [];
  const state = new Map<string, string>();
  const wakers: (() => void)[] = [];
  let wantTurns = 0;
  let pongs = 0;
  let deliveryId = 0;
  let resultNumber = 1_000;

  const runtime = makeVatRuntime({
    post(message) {
      // What cannot be cloned would fail in a real worker.
      const clone = structuredClone(message);
      switch (clone.type) {
        case 'log':
          logs.push(clone);
          break;
        case 'ask':
          asks.push(clone);
          askers.splice(0).forEach((wake) => wake());
          break;
        case 'cancel':
          cancelled.push(clone.id);
          break;
        case 'want-turn':
          wantTurns += 1;
          wakers.splice(0).forEach((wake) => wake());
          break;
        case 'pong':
          pongs += 1;
          break;
        case 'done':
        case 'failed':
          answers.get(clone.id)?.(clone);
          break;
        default:
          break;
      }
    },
    nextMacrotask: (callback) => setImmediate(callback),
    now: () => performance.now(),
    after: (ms, callback) => void setTimeout(callback, ms),
    gc,
    platform: {
      timers: { setTimeout, clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout) },
      URL,
      URLSearchParams,
      crypto: () => webcrypto as Crypto,
      atob,
      btoa,
      fs: () => ({ existsSync, lstatSync, readFile, access, path }),
    },
  });

  const request = async (delivery: Delivery): Promise<FromVat> =>
    new Promise((resolve) => {
      deliveryId += 1;
      answers.set(deliveryId, resolve);
      const deliveries = [{ id: deliveryId, delivery: structuredClone(delivery) }];
      runtime.handle({ type: 'deliver', deliveries });
    });

  const deliver = async (delivery: Delivery): Promise<CrankResult> => {
    const answer = await request(delivery);
    if (answer.type !== 'done') throw Error(`the vat failed: ${JSON.stringify(answer)}`);
    for (const { key, value } of answer.result.writes) {
      if (value === null) state.delete(key);
      else state.set(key, value);
    }
    return answer.result;
  };

  runtime.handle({
    type: 'init',
    vatId: 'v1',
    bundle: typeof bundle === 'string' ? bundleOf(bundle) : bundle,
    endowments: {
      globals,
      ...(allowedHosts && { network: { allowedHosts } }),
      ...(platformConfig && { platformConfig }),
    },
    limits: { messageBytesMax, asksMax: limits.vatAsksMax },
  });

  return {
    runtime,
    gc,
    /** What stands in the vat's tables. */
    sizes: () => runtime.sizes(),
    logs,
    /** What the vat asked its host for, and what of that it cancelled. */
    asks,
    cancelled,
    /** Waits until the vat asks its host for something. */
    nextAsk: async (): Promise<void> => new Promise((resolve) => askers.push(resolve)),
    reply(id: number, answer: HostAnswer): void {
      runtime.handle({ type: 'reply', id, answer: structuredClone(answer) });
    },
    deliver,
    counts: () => ({ wantTurns, pongs }),
    /** The state as the store has it, in key order. */
    state: (): State => [...state].sort(([a], [b]) => (a < b ? -1 : 1)),

    async start(
      parameters: unknown = {},
      stored: State = [],
      nextExport = 1,
    ): Promise<CrankResult> {
      for (const [key, value] of stored) state.set(key, value);
      return deliver({ type: 'start', parameters, state: stored, nextExport });
    },

    /** A start, or another delivery, that fails. */
    async fails(delivery?: Delivery): Promise<CrankFailure['error']> {
      const answer = await request(
        delivery ?? { type: 'start', parameters: {}, state: [], nextExport: 1 },
      );
      if (answer.type !== 'failed') throw Error(`the vat did not fail: ${JSON.stringify(answer)}`);
      return answer.failure.error;
    },

    /** Sends `method` with smallcaps arguments to the root or to `target`, asking for a result. */
    async message(method: unknown, args: unknown = [], slots: string[] = [], target = 'o+0') {
      resultNumber += 1;
      const result = `p-${resultNumber}`;
      const crank = await deliver({
        type: 'message',
        target,
        methargs: capData([method, args], slots),
        result,
      });
      return { ...crank, result, answer: resolutionOf(crank.own, result) };
    },

    async notify(...resolutions: Resolution[]): Promise<CrankResult> {
      return deliver({ type: 'notify', resolutions });
    },

    async reap(): Promise<CrankResult> {
      return deliver({ type: 'reap' });
    },

    /** Waits until the vat asks for a turn. */
    wantsTurn: async (): Promise<void> => new Promise((resolve) => wakers.push(resolve)),
  };
}

/** How these calls settle a promise. */
export function resolutionOf(syscalls: readonly Syscall[], vpid: string): Resolution | undefined {
  return syscalls
    .flatMap((call) => (call.type === 'resolve' ? call.resolutions : []))
    .find((resolution) => resolution.vpid === vpid);
}

export const fulfilled = (vpid: string, value: unknown, slots: string[] = []): Resolution => ({
  vpid,
  rejected: false,
  value: capData(value, slots),
});

export const rejected = (vpid: string, message: string, name = 'Error'): Resolution => ({
  vpid,
  rejected: true,
  value: capData({ '#error': message, name }),
});

/** The message of the error that a promise was rejected with. */
export function errorOf(resolution: Resolution | undefined): string {
  if (resolution === undefined || !resolution.rejected)
    return `not rejected: ${JSON.stringify(resolution)}`;
  return (JSON.parse(resolution.value.body.slice(1)) as { '#error': string })['#error'];
}

/** Writes as `{ key: value }`. */
export const writesOf = (writes: readonly StateWrite[]): Record<string, string | null> =>
  Object.fromEntries(writes.map(({ key, value }) => [key, value]));
