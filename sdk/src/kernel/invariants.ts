/**
 * Walks a whole store and says what is wrong with it: counts that no holders bear out, c-lists whose directions
 * differ, rows that nothing leads to. Every test of ours ends with it; `kernel.checkInvariants()` lets a user run it.
 */
import {
  HOST_REALM,
  isDurableVRef,
  isExportVRef,
  isPromiseKRef,
  isVatEndpoint,
  ROOT_VREF,
  type EndpointId,
  type KRef,
} from '../protocol/refs.js';
import type { CListRow, KernelRows, QueueItem } from './rows.js';

type Held = { reach: number; recog: number };

/** What is wrong, one sentence each; empty where all is well. */
export function findBrokenInvariants(rows: KernelRows): string[] {
  const problems: string[] = [];
  const expected = new Map<KRef, Held>();

  const hold = (kref: KRef, reach = 1): void => {
    const held = expected.get(kref) ?? { reach: 0, recog: 0 };
    expected.set(kref, { reach: held.reach + reach, recog: held.recog + 1 });
  };

  const walkCList = (id: string): void => {
    const [endpoint, ref] = id.split('.') as [EndpointId, string];
    if (!ref.startsWith('k')) {
      const kref = rows.clistByVRef.getRequired(id);
      const back = rows.clistByKRef.get(`${endpoint}.${kref}`);
      if (back?.vref !== ref) problems.push(`${endpoint} has ${ref} for ${kref}, which has ${back?.vref}`);
      return;
    }
    const row: CListRow = rows.clistByKRef.getRequired(id);
    const isExport = isExportVRef(row.vref);
    if (rows.clistByVRef.get(`${endpoint}.${row.vref}`) !== ref) {
      problems.push(`${endpoint} has ${row.vref} for ${ref}, and not the other way round`);
    }
    if (isVatEndpoint(endpoint) && !rows.vats.has(endpoint)) {
      problems.push(`${endpoint}, which does not exist, has ${ref} in its c-list`);
    }
    if (isPromiseKRef(ref)) hold(ref);
    else if (!isExport) hold(ref, row.reach ? 1 : 0);
    else if (rows.objects.get(ref)?.owner !== endpoint) {
      problems.push(`${endpoint} exports ${ref}, whose owner is ${rows.objects.get(ref)?.owner}`);
    }
  };

  const walkQueueItem = (item: QueueItem): void => {
    if (item.type === 'notify') {
      hold(item.promise);
      return;
    }
    hold(item.target);
    item.methargs.slots.forEach((kref) => hold(kref));
    if (item.result !== undefined) hold(item.result);
  };

  for (const id of rows.clistByKRef.ids()) walkCList(id);
  for (const target of rows.queues.ids()) {
    if (target.includes('.')) {
      walkQueueItem(rows.queueItems.getRequired(target));
      continue;
    }
    const { head, tail } = rows.queues.getRequired(target);
    const items = rows.queueItems.ids(`${target}.`).length;
    if (items !== tail - head) problems.push(`the queue of ${target} has ${items} items of ${tail - head}`);
  }
  for (const kref of rows.promises.ids()) {
    const promise = rows.promises.getRequired(kref);
    if (promise.state !== 'open') promise.value.slots.forEach((slot) => hold(slot));
    else if (promise.decider !== null && rows.clistByKRef.get(`${promise.decider}.${kref}`) === undefined) {
      problems.push(`${promise.decider} decides ${kref}, which is not in its c-list`);
    }
  }
  for (const vatId of rows.vats.ids()) hold(rows.vats.getRequired(vatId).root);
  for (const kref of rows.pins.ids()) {
    for (let pins = rows.pins.getRequired(kref); pins > 0; pins -= 1) hold(kref);
  }
  for (const name of rows.services.ids()) hold(rows.services.getRequired(name).kref);
  for (const id of rows.holds.ids()) hold(id.split('.')[1] as KRef);
  for (const id of rows.calls.ids()) {
    const { target, result } = rows.calls.getRequired(id);
    hold(target);
    if (result !== undefined) hold(result);
  }

  for (const kref of rows.objects.ids()) {
    const { owner, reach, recog } = rows.objects.getRequired(kref);
    const held = expected.get(kref) ?? { reach: 0, recog: 0 };
    expected.delete(kref);
    if (held.reach !== reach || held.recog !== recog) {
      problems.push(`${kref} is counted ${reach},${recog} and held ${held.reach},${held.recog} times`);
    }
    if (owner === null && recog === 0) problems.push(`${kref} has neither owner nor holder`);
    if (owner !== null && rows.clistByKRef.get(`${owner}.${kref}`) === undefined) {
      problems.push(`${kref} is not in the c-list of its owner ${owner}`);
    }
  }
  for (const kref of rows.promises.ids()) {
    const { refs } = rows.promises.getRequired(kref);
    const held = expected.get(kref)?.recog ?? 0;
    expected.delete(kref);
    if (held !== refs) problems.push(`${kref} is counted ${refs} and held ${held} times`);
    if (refs === 0) problems.push(`${kref} is held by nobody`);
  }
  for (const kref of expected.keys()) problems.push(`${kref} is held and does not exist`);

  return [...problems, ...findBrokenVats(rows)];
}

function findBrokenVats(rows: KernelRows): string[] {
  const problems: string[] = [];
  const durable = new Map<string, number>();
  for (const id of rows.state.ids()) {
    const vatId = id.slice(0, id.indexOf('.'));
    if (!rows.vats.has(vatId)) {
      if (!rows.dead.has(vatId)) problems.push(`${vatId}, which does not exist, has state`);
      continue;
    }
    for (const kref of rows.state.getRequired(id).slots ?? []) {
      const key = `${vatId}.${kref}`;
      durable.set(key, (durable.get(key) ?? 0) + 1);
    }
  }
  for (const vatId of rows.vats.ids()) {
    const vat = rows.vats.getRequired(vatId);
    if (rows.subclusters.get(vat.subcluster)?.vats[vat.name] !== vatId) {
      problems.push(`${vatId} is not in its subcluster ${vat.subcluster}`);
    }
    if (!rows.bundles.has(vat.bundleHash)) problems.push(`the bundle of ${vatId} is not stored`);
    for (const id of rows.clistByKRef.ids(`${vatId}.k`)) {
      const row = rows.clistByKRef.getRequired(id);
      const counted = row.durable ?? 0;
      const held = durable.get(id) ?? 0;
      if (counted !== held) problems.push(`${id} is counted durable ${counted} and held ${held} times`);
      const outlives = isExportVRef(row.vref)
        ? row.vref === ROOT_VREF || isDurableVRef(row.vref)
        : counted > 0;
      if (!vat.live && !outlives) problems.push(`${vatId} is not running and has ${row.vref}`);
    }
  }
  for (const id of rows.subclusters.ids()) {
    for (const vatId of Object.values(rows.subclusters.getRequired(id).vats)) {
      if (!rows.vats.has(vatId)) problems.push(`subcluster ${id} has ${vatId}, which does not exist`);
    }
  }
  for (const id of rows.clistByKRef.ids(`${HOST_REALM}.kp`)) problems.push(`the host realm has promise ${id}`);
  return problems;
}
