/**
 * The host realm `h1`: kernel services and what they return, as the kernel sees them.
 *
 * A call to one is an effect that leaves after its commit, and its answer an event. A call that is unanswered when
 * the kernel ends is rejected at the next start and never repeated.
 */
import type { CapData } from '../protocol/capdata.js';
import {
  HOST_REALM,
  isKRef,
  isPromiseKRef,
  type EndpointId,
  type KRef,
  type VRef,
} from '../protocol/refs.js';
import { ADMIN_VREF } from '../protocol/session-wire.js';
import { IllegalSyscall, type CLists } from './clists.js';
import type { KernelEffect } from './events.js';
import { rejection, type Messages } from './messages.js';
import type { References } from './references.js';
import { krefOrder, type HostCallRow, type KernelRows, type Message } from './rows.js';

export type HostRealmPowers = {
  rows: KernelRows;
  references: References;
  clists: CLists;
  emit: (effect: KernelEffect) => void;
  handTo: (session: string, krefs: readonly KRef[]) => void;
  /** The realm may name this kref: it exists and somebody reaches it. */
  isNameable: (kref: KRef) => boolean;
};

const noReference = rejection(
  'DELIVERY_FAILED',
  'the service answered with a reference that does not exist',
);
const interrupted = rejection(
  'SERVICE_INTERRUPTED',
  'the kernel stopped while the service had this call',
);

export function makeHostRealm(powers: HostRealmPowers, messages: () => Messages) {
  const { rows, references, clists, emit, handTo, isNameable } = powers;

  /** `undefined` where the realm names what it does not have: an object of before the kernel's restart. */
  const toKernel = (value: CapData): CapData<KRef> | undefined => {
    const slots: KRef[] = [];
    try {
      for (const slot of value.slots) {
        if (!isKRef(slot)) slots.push(clists.toKernel(HOST_REALM, slot));
        else if (isNameable(slot)) slots.push(slot);
        else return undefined;
      }
    } catch (thrown) {
      if (thrown instanceof IllegalSyscall) return undefined;
      throw thrown;
    }
    return { body: value.body, slots };
  };

  const releaseCall = ({ target, args = [] }: HostCallRow): void => {
    if (target !== undefined) references.release(target);
    for (const kref of args) references.release(kref);
  };

  const realm = {
    call(target: KRef, { methargs, result }: Message): void {
      const callId = rows.nextId('call');
      rows.calls.set(String(callId), { target, ...(result && { result }) });
      references.hold(target);
      if (result !== undefined) references.hold(result);
      handTo(HOST_REALM, methargs.slots);
      emit({
        type: 'host-call',
        callId,
        target: clists.entry(HOST_REALM, target)?.vref as VRef,
        methargs,
      });
    },

    callAdmin(session: EndpointId, { methargs, result }: Message): void {
      const callId = rows.nextId('call');
      rows.calls.set(String(callId), { args: methargs.slots, ...(result && { result }) });
      if (result !== undefined) references.hold(result);
      for (const kref of methargs.slots) references.hold(kref);
      emit({ type: 'host-call', callId, target: ADMIN_VREF, methargs, caller: session });
    },

    answer(callId: number, rejected: boolean, value: CapData): void {
      const call = rows.calls.get(String(callId));
      if (call === undefined) return;
      rows.calls.delete(String(callId));
      // Even where nobody wants it: what the realm exported for this answer alone is then retired there.
      const translated = toKernel(value);
      if (call.result !== undefined) {
        messages().settle(
          call.result,
          translated === undefined ? noReference : { rejected, value: translated },
        );
        references.release(call.result);
      }
      releaseCall(call);
    },

    /** A promise that the realm exported has settled. One of before the kernel's restart is settled long since. */
    resolve(vpid: VRef, rejected: boolean, value: CapData): void {
      const kref = rows.clistByVRef.get(`${HOST_REALM}.${vpid}`);
      const promise =
        kref !== undefined && isPromiseKRef(kref) ? rows.promises.get(kref) : undefined;
      const translated = toKernel(value);
      if (kref === undefined || promise?.state !== 'open' || promise.decider !== HOST_REALM) return;
      messages().settle(
        kref,
        translated === undefined ? noReference : { rejected, value: translated },
      );
      clists.remove(HOST_REALM, kref);
    },

    /** The service's kref and the realm's own name for it; the same ones whenever the name is registered again. */
    register(name: string, vref: VRef, systemOnly: boolean): { kref: KRef; vref: VRef } {
      const known = rows.services.get(name);
      const knownAs = known && clists.entry(HOST_REALM, known.kref)?.vref;
      if (known !== undefined && knownAs !== undefined) {
        if (known.systemOnly !== systemOnly) rows.services.set(name, { ...known, systemOnly });
        return { kref: known.kref, vref: knownAs };
      }
      const kref = clists.toKernel(HOST_REALM, vref);
      realm.registerObject(name, kref, systemOnly);
      return { kref, vref };
    },

    /** Makes any object that there is the service of a name, in place of another one. */
    registerObject(name: string, kref: KRef, systemOnly: boolean): void {
      references.hold(kref);
      const known = rows.services.get(name);
      if (known !== undefined) references.release(known.kref);
      rows.services.set(name, { kref, systemOnly });
    },

    unregister(name: string): void {
      const { kref } = rows.services.getRequired(name);
      rows.services.delete(name);
      references.release(kref);
    },

    /** The process that the realm lived in is gone: its objects, what it held, and the calls it had. */
    end(): void {
      const services = new Set(
        rows.services.ids().map((name) => rows.services.getRequired(name).kref),
      );
      for (const id of rows.calls.ids().sort(krefOrder)) {
        const call = rows.calls.getRequired(id);
        const { result } = call;
        rows.calls.delete(id);
        if (result !== undefined) {
          messages().settle(result, interrupted);
          references.release(result);
        }
        releaseCall(call);
      }
      for (const kref of clists.krefs(HOST_REALM)) {
        if (isPromiseKRef(kref)) messages().settle(kref, interrupted);
        if (!services.has(kref)) clists.remove(HOST_REALM, kref);
      }
      clists.beginIncarnation(HOST_REALM);
    },
  };
  return realm;
}

export type HostRealm = ReturnType<typeof makeHostRealm>;
