/**
 * The host realm's objects: kernel services, and what they return.
 *
 * A service is any object with methods, or an exo. Its methods receive references as stand-ins (`kslot`), and may
 * return stand-ins, data, and further objects with methods, which become objects of the realm.
 */
import { KernelError } from '../errors.js';
import type { CapData } from '../protocol/capdata.js';
import { errorCapData } from '../protocol/capdata.js';
import { kunser, standInSlot } from '../protocol/kernel-values.js';
import type { VRef } from '../protocol/refs.js';
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
};

export function makeHostObjects({ firstExport, serviceWaitMs, answer }: HostRealmPowers) {
  const objects = new Map<VRef, object>();
  const vrefs = new WeakMap<object, VRef>();
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

  const slotOf = (value: object): SlotRef<string> | undefined =>
    standInSlot(value) ??
    (isRemotable(value) ? { slot: exportObject(value), iface: 'Alleged: HostObject' } : undefined);

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

  const invoke = async (callee: VRef | object, methargs: CapData): Promise<HostAnswer> => {
    const [method, args] = kunser(methargs) as [unknown, unknown[]];
    const target = typeof callee === 'string' ? await objectAt(callee) : callee;
    const names = methodNames(target);
    if (typeof method !== 'string' || !names.includes(method)) {
      throw new TypeError(
        `target has no method ${JSON.stringify(method)}, has [${names.map((name) => JSON.stringify(name)).join(',')}]`,
      );
    }
    const result: unknown = await (target as Methods)[method]?.(...args);
    return { rejected: false, value: encode(result, { slotOf, label: `result of ${method}` }) };
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
    forget(object: object): void {
      const vref = vrefs.get(object);
      if (vref !== undefined) objects.delete(vref);
      vrefs.delete(object);
    },
    /** @param callee - the object, or its name. */
    call(callId: number, callee: VRef | object, methargs: CapData): void {
      invoke(callee, methargs)
        .catch((thrown: unknown): HostAnswer => ({ rejected: true, value: thrownValue(thrown) }))
        .then((result) => answer(callId, result))
        .catch(() => {
          // `answer` does not throw; should it, the kernel has stopped and has told everybody.
        });
    },
  };
}

export type HostObjects = ReturnType<typeof makeHostObjects>;
