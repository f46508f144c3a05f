/**
 * The host realm's objects: kernel services, and what they return.
 *
 * A service is any object with methods, or an exo. Its methods receive references as stand-ins (`kslot`), and those for
 * promises can be awaited. They may return stand-ins, data, and further objects with methods and promises, anywhere in
 * the data, which become objects and promises of the realm.
 */
import { KernelError } from '../errors.js';
import type { CapData } from '../protocol/capdata.js';
import { errorCapData } from '../protocol/capdata.js';
import { standInSlot } from '../protocol/kernel-values.js';
import type { VRef } from '../protocol/refs.js';
import type { HeldReferences } from './held-references.js';
import { encode, type SlotRef } from '../protocol/smallcaps.js';
import { messageOf } from './bundles.js';

export type HostAnswer = { rejected: boolean; value: CapData };

type Methods = { [name: string]: (...args: unknown[]) => unknown };

/** An object that has methods and nothing else, or whose class has methods, passes by reference. */
function isRemotable(value: object): value is Methods {
  const proto: unknown = Object.getPrototypeOf(value);
  if (proto === null || proto === Object.prototype) {
    const own = Object.values(Object.getOwnPropertyDescriptors(value));
    return own.length > 0 && own.every(({ value: member }) => typeof member === 'function');
  }
  // Not what the language itself has: a Map, a Date, an array, a promise. Exos bear their interface's name.
  const tag = Object.prototype.toString.call(value).slice('[object '.length, -1);
  return (
    (tag === 'Object' || /^(?:Alleged|DebugName): /.test(tag)) && methodNames(value).length > 0
  );
}

/** Names of the methods that may be called: not those that every object has. */
export function methodNames(target: object): string[] {
  const names = new Set<string>();
  for (
    let holder: object | null = target;
    holder !== null && holder !== Object.prototype;
    holder = Object.getPrototypeOf(holder) as object | null
  ) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(holder))) {
      if (name !== 'constructor' && typeof value === 'function') names.add(name);
    }
  }
  return [...names].sort();
}

export type HostRealmPowers = {
  /** The first number that an export (`o+N`) of this process may have. */
  firstExport: number;
  /** How long a call waits for a service that has not been registered in this process yet. */
  serviceWaitMs: number;
  answer: (callId: number, answer: HostAnswer) => void;
  /** A promise that an answer exported has settled. */
  settle: (vpid: VRef, outcome: HostAnswer) => void;
  /** The value of a message, with a stand-in for each reference. */
  readValue: HeldReferences['readValue'];
};

/** What a value exports that was not exported before. */
type Fresh = { objects: object[]; promises: Map<VRef, Promise<unknown>> };

export function makeHostObjects(powers: HostRealmPowers) {
  const { firstExport, serviceWaitMs, answer, settle, readValue } = powers;
  const objects = new Map<VRef, object>();
  const vrefs = new WeakMap<object, VRef>();
  /** Promises that the kernel waits for. */
  const vpids = new WeakMap<Promise<unknown>, VRef>();
  const waiting = new Map<VRef, Set<() => void>>();
  let nextExport = firstExport;

  const exportObject = (object: object): VRef => {
    let vref = vrefs.get(object);
    if (vref === undefined) {
      vref = `o+${nextExport}`;
      nextExport += 1;
      bind(vref, object);
    }
    return vref;
  };

  const bind = (vref: VRef, object: object): void => {
    objects.set(vref, object);
    vrefs.set(object, vref);
    for (const go of waiting.get(vref) ?? []) go();
    waiting.delete(vref);
  };

  const exportPromise = (promise: Promise<unknown>, fresh: Fresh): VRef => {
    let vpid = vpids.get(promise);
    if (vpid === undefined) {
      vpid = `p+${nextExport}`;
      nextExport += 1;
      vpids.set(promise, vpid);
      fresh.promises.set(vpid, promise);
    }
    return vpid;
  };

  const slotOf =
    (fresh: Fresh) =>
    (value: object): SlotRef<string> | undefined => {
      const standIn = standInSlot(value);
      if (standIn !== undefined) return standIn;
      if (value instanceof Promise) return { slot: exportPromise(value, fresh), promise: true };
      if (!isRemotable(value)) return undefined;
      if (!vrefs.has(value)) fresh.objects.push(value);
      return { slot: exportObject(value), iface: 'Alleged: HostObject' };
    };

  /**
   * Writes a value, and gives it to `tell`. Only then are its promises waited for: the kernel must have heard of them
   * when it hears how they settle. A value that cannot pass leaves nothing.
   */
  const write = (value: unknown, label: string, tell: (value: CapData) => void): void => {
    const fresh: Fresh = { objects: [], promises: new Map() };
    let data: CapData;
    try {
      data = encode(value, { slotOf: slotOf(fresh), label });
    } catch (thrown) {
      fresh.objects.forEach(forget);
      for (const promise of fresh.promises.values()) vpids.delete(promise);
      throw thrown;
    }
    tell(data);
    for (const [vpid, promise] of fresh.promises) watch(vpid, promise);
  };

  const watch = (vpid: VRef, promise: Promise<unknown>): void => {
    const rejected = (reason: unknown): void => {
      vpids.delete(promise);
      settle(vpid, { rejected: true, value: thrownValue(reason) });
    };
    promise
      .then((value) => {
        write(value, 'what a promise gave', (data) => {
          vpids.delete(promise);
          settle(vpid, { rejected: false, value: data });
        });
      })
      .catch(rejected);
  };

  const forget = (object: object): void => {
    const vref = vrefs.get(object);
    if (vref !== undefined) objects.delete(vref);
    vrefs.delete(object);
  };

  /** The object, once it is registered; rejects where that takes too long. */
  const objectAt = (vref: VRef): Promise<object> | object =>
    objects.get(vref) ??
    new Promise<object>((resolve, reject) => {
      const go = () => {
        clearTimeout(timer);
        resolve(objects.get(vref) as object);
      };
      const waiters = waiting.get(vref) ?? new Set();
      waiting.set(vref, waiters.add(go));
      const timer = setTimeout(() => {
        waiters.delete(go);
        reject(
          new KernelError(
            'DELIVERY_FAILED',
            `the kernel service has not been registered again after ${serviceWaitMs} ms`,
          ),
        );
      }, serviceWaitMs);
    });

  const invoke = async (
    callId: number,
    callee: VRef | object,
    methargs: CapData,
  ): Promise<void> => {
    const [method, args] = readValue(methargs) as [unknown, unknown[]];
    const target = typeof callee === 'string' ? await objectAt(callee) : callee;
    const names = methodNames(target);
    if (typeof method !== 'string' || !names.includes(method)) {
      throw new TypeError(
        `target has no method ${JSON.stringify(method)}, has [${names.map((name) => JSON.stringify(name)).join(',')}]`,
      );
    }
    const result: unknown = await (target as Methods)[method]?.(...args);
    write(result, `result of ${method}`, (value) => answer(callId, { rejected: false, value }));
  };

  const thrownValue = (thrown: unknown): CapData => {
    const message = messageOf(thrown);
    const name = thrown instanceof Error ? thrown.name : 'Error';
    return errorCapData(
      thrown instanceof KernelError ? message : `[KERNEL:DELIVERY_FAILED] ${message}`,
      name,
    );
  };

  return {
    exportObject,
    bind,
    at: (vref: VRef): object | undefined => objects.get(vref),
    retire(gone: readonly VRef[]): void {
      for (const vref of gone) {
        const object = objects.get(vref);
        objects.delete(vref);
        if (object !== undefined) vrefs.delete(object);
      }
    },
    /** The kernel has forgotten this object. It may be exported again, under another name. */
    forget,
    /** @param callee - the object, or its name. */
    call(callId: number, callee: VRef | object, methargs: CapData): void {
      invoke(callId, callee, methargs).catch((thrown: unknown) =>
        answer(callId, { rejected: true, value: thrownValue(thrown) }),
      );
    },
  };
}

export type HostObjects = ReturnType<typeof makeHostObjects>;
