/**
 * One incarnation of a vat that does random things as a correct runtime does them: it names what it may name, drops
 * what it no longer uses, keeps its tables, and insists that the kernel tells it of nothing that it does not know.
 */
import type { CapData } from '../../protocol/capdata.js';
import {
  isDurableVRef,
  isExportVRef,
  isPromiseVRef,
  ROOT_VREF,
  type VatId,
  type VRef,
} from '../../protocol/refs.js';
import type {
  CrankResult,
  Delivery,
  Resolution,
  StateWrite,
  Syscall,
} from '../../protocol/vat-wire.js';
import type { Ledger, SentMessage, Settled, Uid } from './ledger.js';
import type { Random } from './random.js';

/** `reach`: of an import, the vat's own; of an export, the kernel's. */
type ObjectEntry = { uid: Uid; reach: boolean };
type PromiseEntry = { uid: Uid; decider: 'vat' | 'kernel'; awaited: boolean };

export type FakeVatOptions = {
  vatId: VatId;
  incarnation: number;
  random: Random;
  ledger: Ledger;
  /** It lies: it may be told anything, and nothing that it says is taken down. */
  isLiar: boolean;
  /** Somebody lies: promises may settle to what nobody said. */
  hasLiars: boolean;
  /** Clients answer calls, too. */
  hasClients: boolean;
  /** Bodies that host services answer with begin so. */
  hostMark: string;
};

export type FinishedCrank = { result: CrankResult; applied: () => void };

const durableKey = (vref: VRef): string => `x.${vref}`;

export function makeFakeVat(options: FakeVatOptions) {
  const { vatId, incarnation, random, ledger, isLiar, hasLiars, hasClients, hostMark } = options;
  const objects = new Map<VRef, ObjectEntry>();
  const promises = new Map<VRef, PromiseEntry>();
  /** Promises that have settled in the crank under way: the delivery may still name them. */
  let justSettled = new Map<VRef, PromiseEntry>();
  const state = new Map<string, VRef[]>();
  /** Exports that the kernel has heard of. */
  const known = new Set<VRef>();
  const sequences = new Map<string, number>();
  let nextExport = 1;
  /** Names of all that it was ever given: none comes back for something else. */
  const imported = new Set<VRef>();
  let syscalls: Syscall[] = [];
  /** Objects whose methods the kernel is told next, by the number of their shape. Some tell none. */
  let shaped: VRef[][] = [[], []];
  let writes = new Map<string, StateWrite>();
  let mentions = new Set<VRef>();
  let onApplied: (() => void)[] = [];
  let isQuiet = false;

  const insist = (condition: unknown, what: string): void => {
    if (!condition && !isLiar) throw new Error(`${vatId}.${incarnation} was told ${what}`);
  };

  const uidOf = (vref: VRef): Uid => (isPromiseVRef(vref) ? promises : objects).get(vref)?.uid;
  const newUid = (vref: VRef): Uid => {
    if (isLiar) return undefined;
    if (vref === ROOT_VREF) return `${vatId}/root`;
    return isDurableVRef(vref) ? `${vatId}/${vref}` : `${vatId}.${incarnation}/${vref}`;
  };
  const isHeldByState = (vref: VRef): boolean =>
    [...state.values()].some((slots) => slots.includes(vref));

  const writeState = (key: string, slots: VRef[] | null): void => {
    if (slots === null) state.delete(key);
    else state.set(key, slots);
    for (const slot of slots ?? []) mentions.add(slot);
    writes.set(key, {
      key,
      value: slots === null ? null : `#${slots.join(',')}`,
      ...(slots !== null && slots.length > 0 && { slots }),
    });
  };

  // What the vat names.

  const mention = (vref: VRef): VRef => {
    mentions.add(vref);
    const entry = objects.get(vref);
    if (entry !== undefined && isExportVRef(vref)) {
      if (isDurableVRef(vref) && !entry.reach) writeState(durableKey(vref), []);
      entry.reach = true;
    }
    return vref;
  };

  const newObject = (): VRef => {
    const vref = `o+${nextExport}`;
    nextExport += 1;
    objects.set(vref, { uid: newUid(vref), reach: false });
    shaped[nextExport % 3]?.push(vref);
    return vref;
  };

  const durableObject = (): VRef => {
    const vref = `o+d1/${1 + random.below(4)}`;
    if (!objects.has(vref)) objects.set(vref, { uid: newUid(vref), reach: false });
    return vref;
  };

  const newPromise = (decider: PromiseEntry['decider']): VRef => {
    const vref = `p+${nextExport}`;
    nextExport += 1;
    promises.set(vref, { uid: newUid(vref), decider, awaited: false });
    return vref;
  };

  /** What it may name now: imports that it reaches, its exports, promises that have not settled. */
  const nameable = (): VRef[] => [
    ...[...objects]
      .filter(([vref, { reach }]) => reach || isExportVRef(vref))
      .map(([vref]) => vref),
    ...promises.keys(),
  ];

  const someSlots = (): VRef[] => {
    const slots = random.some(nameable(), random.below(3));
    if (random.chance(0.3)) slots.push(newObject());
    if (random.chance(0.15)) slots.push(durableObject());
    if (random.chance(0.2)) slots.push(newPromise('vat'));
    return [...new Set(slots)].map(mention);
  };

  // What the vat does.

  const subscribe = (vpid: VRef): void => {
    const entry = promises.get(vpid) as PromiseEntry;
    if (entry.decider !== 'kernel' || entry.awaited) return;
    entry.awaited = true;
    syscalls.push({ type: 'subscribe', vpid });
  };

  const send = (): void => {
    const target = mention(random.pick(nameable()));
    const id = ledger.nextId();
    const slots = someSlots();
    const call: Syscall & { type: 'send' } = {
      type: 'send',
      target,
      methargs: { body: `#["m",[${id}]]`, slots },
    };
    const targetUid = uidOf(target);
    const sequence = (sequences.get(targetUid ?? '') ?? 0) + 1;
    sequences.set(targetUid ?? '', sequence);
    const message: SentMessage = {
      from: `${vatId}.${incarnation}`,
      sequence,
      target: targetUid,
      slots: slots.map(uidOf),
      result: undefined,
    };
    onApplied.push(() => ledger.sent(id, message));
    syscalls.push(call);
    if (random.chance(0.2)) return;
    const decided = decidedPromises();
    if (decided.length > 0 && random.chance(0.1)) {
      // It hands on a promise that is its to decide.
      call.result = random.pick(decided);
      (promises.get(call.result) as PromiseEntry).decider = 'kernel';
    } else call.result = newPromise('kernel');
    message.result = uidOf(call.result);
    if (random.chance(0.85)) subscribe(call.result);
  };

  const decidedPromises = (): VRef[] =>
    [...promises].filter(([, { decider }]) => decider === 'vat').map(([vref]) => vref);

  const newValue = (): CapData => {
    const id = ledger.nextId();
    const single = random.weighted({ none: 5, object: 2, promise: 1 });
    const candidates = nameable().filter((vref) => isPromiseVRef(vref) === (single === 'promise'));
    if (single === 'none' || candidates.length === 0) {
      return { body: `#["v",${id}]`, slots: isQuiet ? [] : someSlots() };
    }
    const slot = mention(random.pick(candidates));
    return { body: single === 'object' ? '#"$0.Alleged: thing"' : '#"&0"', slots: [slot] };
  };

  const resolve = (vpids: readonly VRef[]): void => {
    if (vpids.length === 0) return;
    const resolutions = vpids.map((vpid): Resolution => {
      const rejected = random.chance(0.2);
      return {
        vpid,
        rejected,
        value: isQuiet ? { body: `#["v",${ledger.nextId()}]`, slots: [] } : newValue(),
      };
    });
    const settled = resolutions.map(({ vpid, rejected, value }): [Uid, Settled] => [
      uidOf(vpid),
      { rejected, body: value.body, slots: value.slots.map(uidOf) },
    ]);
    onApplied.push(() => {
      for (const [uid, settlement] of settled)
        if (uid !== undefined) ledger.settled(uid, settlement);
    });
    syscalls.push({ type: 'resolve', resolutions });
    vpids.forEach(forgetPromise);
  };

  const forgetPromise = (vpid: VRef): void => {
    justSettled.set(vpid, promises.get(vpid) as PromiseEntry);
    promises.delete(vpid);
  };

  /** What clients exposed. */
  const ephemeral = new Set<VRef>();

  const change = (): void => {
    const key = `k${random.below(4)}`;
    const durable = [...objects]
      .filter(
        ([vref, { reach }]) =>
          isDurableVRef(vref) || (reach && !isExportVRef(vref) && !ephemeral.has(vref)),
      )
      .map(([vref]) => vref);
    const slots = random.some(durable, random.below(3));
    // The same reference may stand in a value more than once.
    if (slots.length > 0 && random.chance(0.3)) slots.push(slots[0] as VRef);
    writeState(key, random.chance(0.3) ? null : slots);
  };

  const act = (): void => {
    switch (random.weighted({ send: 5, resolve: 3, subscribe: 1, change: 1 })) {
      case 'send':
        return send();
      case 'resolve':
        return resolve(random.some(decidedPromises(), 1 + random.below(3)));
      case 'subscribe': {
        const vpid = random.maybePick([...promises.keys()]);
        return vpid === undefined ? undefined : subscribe(vpid);
      }
      case 'change':
        return change();
    }
  };

  /** The last, synchronous part of a crank: nothing can cross with it. */
  const collect = (share: number): void => {
    const drops: VRef[] = [];
    const retiredImports: VRef[] = [];
    const retiredExports: VRef[] = [];
    for (const [vref, entry] of objects) {
      if (vref === ROOT_VREF || !random.chance(share)) continue;
      if (isExportVRef(vref)) {
        if (entry.reach) continue;
        if (known.has(vref)) retiredExports.push(vref);
        forgetExport(vref);
      } else if (isHeldByState(vref)) continue;
      else {
        if (entry.reach) drops.push(vref);
        entry.reach = false;
        if (share < 1 && random.chance(0.5)) continue;
        retiredImports.push(vref);
        objects.delete(vref);
      }
    }
    if (drops.length > 0) syscalls.push({ type: 'drop-imports', vrefs: drops });
    if (retiredImports.length > 0) syscalls.push({ type: 'retire-imports', vrefs: retiredImports });
    if (retiredExports.length > 0) syscalls.push({ type: 'retire-exports', vrefs: retiredExports });
  };

  const forgetExport = (vref: VRef): void => {
    objects.delete(vref);
    known.delete(vref);
    if (isDurableVRef(vref) && state.has(durableKey(vref))) writeState(durableKey(vref), null);
  };

  // What the vat is told.

  const readSlot = (vref: VRef, uid: Uid): void => {
    if (isPromiseVRef(vref)) {
      const entry = promises.get(vref) ?? justSettled.get(vref);
      if (entry === undefined) {
        insistNewImport(vref);
        insist(
          uid === undefined || ![...promises.values()].some((other) => other.uid === uid),
          `${vref} for ${uid}, which it has`,
        );
        promises.set(vref, { uid, decider: 'kernel', awaited: false });
        if (random.chance(0.8) || isQuiet) subscribe(vref);
      } else meet(entry, vref, uid);
      return;
    }
    const entry = objects.get(vref);
    if (entry === undefined) {
      insistNewImport(vref);
      insist(
        uid === undefined || ![...objects].some(([, other]) => other.uid === uid && other.reach),
        `${vref} for ${uid}, which it has`,
      );
      objects.set(vref, { uid, reach: true });
    } else {
      meet(entry, vref, uid);
      if (!isExportVRef(vref)) entry.reach = true;
    }
  };

  const meet = (entry: { uid: Uid }, vref: VRef, uid: Uid): void => {
    insist(
      entry.uid === uid || entry.uid === undefined || uid === undefined,
      `${vref} for ${uid}, which is ${entry.uid}`,
    );
    entry.uid ??= uid;
  };

  const insistNewImport = (vref: VRef): void => {
    insist(!isExportVRef(vref) && !imported.has(vref), `${vref}, which it does not know`);
    imported.add(vref);
  };

  const readMessage = ({ target, methargs, result, ...rest }: Delivery & { type: 'message' }) => {
    for (const vref of rest.ephemeral ?? []) ephemeral.add(vref);
    const id = Number(/^#\["m",\[(\d+)\]\]$/.exec(methargs.body)?.[1] ?? 0);
    const message = ledger.messages.get(id);
    const isSound = message !== undefined && message.slots.length === methargs.slots.length;
    insist(isExportVRef(target) && objects.has(target), `of a message to ${target}`);
    if (isSound && message.target !== undefined && !/\/p\+|^k:/.test(message.target)) {
      insist(message.target === uidOf(target), `of a message for ${message.target}`);
    }
    methargs.slots.forEach((slot, index) =>
      readSlot(slot, isSound ? message.slots[index] : undefined),
    );
    if (result !== undefined) {
      const entry = promises.get(result);
      if (entry === undefined) {
        insistNewImport(result);
        promises.set(result, { uid: message?.result, decider: 'vat', awaited: false });
      } else {
        insist(entry.decider === 'kernel', `to decide ${result}, which it decides`);
        meet(entry, result, message?.result);
        entry.decider = 'vat';
        entry.awaited = false;
      }
    }
    if (id > 0) onApplied.push(() => ledger.finished(id, vatId));
  };

  const readNotify = (resolutions: readonly Resolution[]): void => {
    const first = resolutions[0]?.vpid ?? 'nothing';
    insist(promises.has(first), `how ${first} settled, which it does not wait for`);
    for (const { vpid } of resolutions) {
      const entry = promises.get(vpid);
      if (entry === undefined) {
        insistNewImport(vpid);
        promises.set(vpid, { uid: undefined, decider: 'kernel', awaited: false });
      } else insist(entry.decider === 'kernel', `how ${vpid} settled, which it decides`);
    }
    for (const { vpid, rejected, value } of resolutions) {
      const { uid } = promises.get(vpid) as PromiseEntry;
      const settled = uid === undefined ? undefined : ledger.settlements.get(uid);
      const isSound = settled?.slots.length === value.slots.length;
      if (settled !== undefined) {
        insist(
          rejected === settled.rejected && value.body === settled.body && isSound,
          `that ${uid} is ${value.body}, which is ${settled.body}`,
        );
      } else if (uid !== undefined && !hasLiars) {
        insist(
          // A client's answer is, or follows, one that the ledger does not know.
          rejected || value.body.startsWith(hostMark) || (hasClients && value.body === '#"&0"'),
          `that ${uid} is ${value.body}, which nobody said`,
        );
      }
      value.slots.forEach((slot, index) =>
        readSlot(slot, isSound ? settled.slots[index] : undefined),
      );
    }
    for (const { vpid } of resolutions) forgetPromise(vpid);
  };

  const keep = (
    vrefs: readonly VRef[],
    prior: ReadonlySet<VRef>,
    letGo: (vref: VRef) => void,
  ): VRef[] => {
    const kept: VRef[] = [];
    for (const vref of vrefs) {
      insist(objects.has(vref) && vref !== ROOT_VREF, `to let go of ${vref}`);
      if (prior.has(vref)) kept.push(vref);
      else letGo(vref);
    }
    return kept;
  };

  const start = ({ state: rows, nextExport: first }: Delivery & { type: 'start' }): void => {
    nextExport = first;
    objects.set(ROOT_VREF, { uid: newUid(ROOT_VREF), reach: true });
    for (const [key, value] of rows) {
      const slots = value === '#' ? [] : value.slice(1).split(',');
      state.set(key, slots);
      for (const slot of slots) {
        if (!objects.has(slot)) {
          objects.set(slot, {
            uid: isDurableVRef(slot) ? newUid(slot) : undefined,
            reach: !isDurableVRef(slot),
          });
        }
        if (!isExportVRef(slot)) imported.add(slot);
      }
    }
    for (const key of state.keys()) {
      if (!key.startsWith('x.')) continue;
      const vref = key.slice(2);
      objects.set(vref, { uid: newUid(vref), reach: state.get(key)?.length === 0 });
      known.add(vref);
    }
  };

  const read = (delivery: Delivery, prior: ReadonlySet<VRef>): VRef[] | undefined => {
    switch (delivery.type) {
      case 'start':
        start(delivery);
        return undefined;
      case 'message':
        readMessage(delivery);
        return undefined;
      case 'notify':
        for (const vref of delivery.ephemeral ?? []) ephemeral.add(vref);
        readNotify(delivery.resolutions);
        return undefined;
      case 'drop-exports':
        return keep(delivery.vrefs, prior, (vref) => {
          const entry = objects.get(vref);
          insist(entry?.reach && isExportVRef(vref), `to drop ${vref}`);
          if (entry !== undefined) entry.reach = false;
          if (isDurableVRef(vref)) writeState(durableKey(vref), [vref]);
        });
      case 'retire-exports':
        return keep(delivery.vrefs, prior, (vref) => {
          insist(objects.get(vref)?.reach === false && isExportVRef(vref), `to retire ${vref}`);
          forgetExport(vref);
        });
      case 'retire-imports':
        return keep(delivery.vrefs, prior, (vref) => {
          insist(objects.get(vref)?.reach === false && !isExportVRef(vref), `to retire ${vref}`);
          objects.delete(vref);
        });
      case 'reap':
      case 'turn':
        return undefined;
    }
  };

  const mentionAll = (calls: readonly Syscall[]): void => {
    for (const call of calls) {
      const slots = call.type === 'send' ? [call.target, ...call.methargs.slots] : [];
      if (call.type === 'resolve')
        slots.push(...call.resolutions.flatMap(({ value }) => value.slots));
      for (const slot of slots) if (isExportVRef(slot)) known.add(slot);
    }
  };

  return {
    vatId,
    incarnation,
    tables: { objects, promises, state },

    /** Between cranks: a timer fired. */
    wake(): void {
      act();
      mentionAll(syscalls);
    },

    /** Takes a delivery and says what came of it. `applied` is to be called when the kernel has taken it over. */
    crank(delivery: Delivery, actsMax: number): FinishedCrank {
      const prior = syscalls;
      const priorMentions = mentions;
      syscalls = [];
      mentions = new Set();
      const kept = read(delivery, priorMentions);
      for (let acts = random.below(actsMax + 1); acts > 0; acts -= 1) act();
      if (isQuiet) resolve(decidedPromises());
      mentionAll(syscalls);
      collect(isQuiet ? 1 : 0.2);
      const done = onApplied;
      const result: CrankResult = {
        prior,
        own: syscalls,
        writes: [...writes.values()],
        ...(kept !== undefined && { kept }),
        ...(delivery.type === 'start' && { start: { hasBootstrap: false } }),
        shapes: shaped.map((of, number) => ({ number, shape: { methods: [`m${number}`] }, of })),
      };
      syscalls = [];
      shaped = [[], []];
      writes = new Map();
      mentions = new Set();
      justSettled = new Map();
      onApplied = [];
      return { result, applied: () => (isLiar ? undefined : done.forEach((each) => each())) };
    },

    /** From now on it answers and lets go, and begins nothing. */
    quiet(): void {
      isQuiet = true;
      for (const vpid of promises.keys()) subscribe(vpid);
      for (const key of state.keys()) if (key.startsWith('k')) writeState(key, null);
    },

    /** Promises that it waits for. */
    awaited: (): VRef[] => [...promises].filter(([, entry]) => entry.awaited).map(([vref]) => vref),
  };
}

export type FakeVat = ReturnType<typeof makeFakeVat>;
