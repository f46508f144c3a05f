/**
 * Walks a whole store and says what is wrong with it: counts that no holders bear out, c-lists whose directions
 * differ, promises that nobody will settle, rows that nothing leads to. Every test of ours ends with it;
 * `kernel.checkInvariants()` lets a user run it.
 */
import {
  CAVEAT_MAKER,
  CAVEAT_MAKER_VREF,
  HOST_REALM,
  KERNEL_REALM,
  isDurableVRef,
  isExportVRef,
  isPromiseKRef,
  isPromiseVRef,
  isRemoteEndpoint,
  isVatEndpoint,
  isVatId,
  ROOT_VREF,
  type EndpointId,
  type KRef,
  type VRef,
} from '../protocol/refs.js';
import { charsOf } from './queues.js';
import type { ChargeRow, KernelRows, PeerQueueItem } from './rows.js';

type Held = { reach: number; recog: number };

/** What is wrong, one sentence each; empty where all is well. */
export function findBrokenInvariants(rows: KernelRows): string[] {
  return [
    ...findBrokenReferences(rows),
    ...findBrokenVats(rows),
    ...findBrokenSessions(rows),
    ...findBrokenRemotes(rows),
  ];
}

function findBrokenReferences(rows: KernelRows): string[] {
  const problems: string[] = [];
  const expected = new Map<KRef, Held>();
  /** Results of messages and calls that are under way: how many of each. */
  const results = new Map<KRef, number>();

  const hold = (kref: KRef, reach = 1): void => {
    const held = expected.get(kref) ?? { reach: 0, recog: 0 };
    expected.set(kref, { reach: held.reach + reach, recog: held.recog + 1 });
  };

  const holdResult = (result: KRef | undefined): void => {
    if (result === undefined) return;
    hold(result);
    results.set(result, (results.get(result) ?? 0) + 1);
  };

  const walkEntry = (endpoint: EndpointId, kref: KRef): void => {
    const { vref, reach, durable = 0 } = rows.clistByKRef.getRequired(`${endpoint}.${kref}`);
    const isExport = isExportVRef(vref);
    if (rows.clistByVRef.get(`${endpoint}.${vref}`) !== kref) {
      problems.push(`${endpoint} has ${vref} for ${kref}, and not the other way round`);
    }
    if (!isEndpoint(endpoint)) {
      problems.push(`${endpoint}, which does not exist, has ${kref} in its c-list`);
    }
    if (isPromiseKRef(kref) !== isPromiseVRef(vref))
      problems.push(`${endpoint} has ${vref} for ${kref}`);
    if (!isNumberGiven(endpoint, vref))
      problems.push(`${endpoint} will give ${vref} a second time`);
    if (durable > 0 && (isExport || !reach)) {
      problems.push(`the state of ${endpoint} holds ${vref}, which it does not reach`);
    }
    if (isPromiseKRef(kref)) hold(kref);
    else if (!isExport) hold(kref, reach ? 1 : 0);
    else {
      const object = rows.objects.get(kref);
      if (object?.owner !== endpoint) {
        problems.push(`${endpoint} exports ${kref}, whose owner is ${object?.owner}`);
      } else if (!reach && object.reach > 0) {
        problems.push(`${endpoint} was told to drop ${vref}, which others reach`);
      }
    }
  };

  const isEndpoint = (endpoint: EndpointId): boolean =>
    isVatEndpoint(endpoint)
      ? rows.vats.has(endpoint)
      : endpoint === HOST_REALM || rows.sessions.has(endpoint) || rows.remotes.has(endpoint);

  /** Will the endpoint's next reference of this kind be another one? */
  const isNumberGiven = (endpoint: EndpointId, vref: VRef): boolean => {
    const numbers = rows.vrefNumbers.get(endpoint);
    if (vref === ROOT_VREF || vref === CAVEAT_MAKER_VREF || isDurableVRef(vref)) return true;
    const isImport = !isExportVRef(vref);
    const next = isImport
      ? numbers?.[isPromiseVRef(vref) ? 'promise' : 'object']
      : numbers?.exports;
    return Number(vref.slice(2)) < (next ?? 0);
  };

  const charged = new Map<string, ChargeRow>();
  const walkItem = (queue: string, item: PeerQueueItem): void => {
    if (item.type === 'notify') {
      hold(item.promise);
      if (rows.promises.get(item.promise)?.state === 'open') {
        problems.push(`${queue} is to be notified of ${item.promise}, which is open`);
      }
      return;
    }
    holdResult(item.result);
    if (item.type === 'redeem') {
      if (!isRemoteEndpoint(queue)) problems.push(`${queue} is asked for an ocap URL`);
      return;
    }
    hold(item.target);
    for (const kref of item.methargs.slots) hold(kref);
    if (item.payer !== undefined) {
      const { count, chars } = charged.get(item.payer) ?? { count: 0, chars: 0 };
      charged.set(item.payer, { count: count + 1, chars: chars + charsOf(rows, item) });
    }
    // A peer takes messages to promises that it decides, or did when they were sent.
    if (isRemoteEndpoint(queue)) return;
    if (isPromiseKRef(queue) ? item.target !== queue : isPromiseKRef(item.target)) {
      problems.push(`${queue} has a message to ${item.target}`);
    }
  };

  const walkQueue = (queue: string): void => {
    const { head, tail, chars } = rows.queues.getRequired(queue);
    const items = rows.queueItems.ids(`${queue}.`);
    if (items.length === 0 || items.length !== tail - head) {
      problems.push(`the queue of ${queue} has ${items.length} items of ${tail - head}`);
    }
    let found = 0;
    for (const id of items) found += charsOf(rows, rows.peerQueueItems.getRequired(id));
    if (found !== chars) problems.push(`the queue of ${queue} has ${found} characters of ${chars}`);
    if (isPromiseKRef(queue) ? rows.promises.get(queue)?.state !== 'open' : !isEndpoint(queue)) {
      problems.push(`there is a queue of ${queue}, which takes no messages`);
    }
  };

  const walkPromise = (kref: KRef): void => {
    const promise = rows.promises.getRequired(kref);
    const decidedBy = results.get(kref) ?? 0;
    if (promise.state !== 'open') {
      if (decidedBy > 0) problems.push(`${kref} is settled, and the result of a message under way`);
    } else if (promise.decider === null) {
      if (decidedBy !== 1) {
        problems.push(`${kref} is decided by nobody and the result of ${decidedBy} messages`);
      }
    } else {
      if (decidedBy > 0) problems.push(`${kref} is decided by ${promise.decider} and by a message`);
      if (!rows.clistByKRef.has(`${promise.decider}.${kref}`)) {
        problems.push(`${promise.decider} decides ${kref}, which is not in its c-list`);
      }
    }
    for (const vatId of promise.state === 'open' ? promise.subs : []) {
      if (!rows.clistByKRef.has(`${vatId}.${kref}`)) {
        problems.push(`${vatId} subscribes to ${kref}, which is not in its c-list`);
      }
    }
    const held = expected.get(kref)?.recog ?? 0;
    expected.delete(kref);
    if (held !== promise.refs)
      problems.push(`${kref} is counted ${promise.refs} and held ${held} times`);
    if (promise.refs === 0) problems.push(`${kref} is held by nobody`);
  };

  const walkCaveat = (kref: KRef): void => {
    const object = rows.objects.get(kref);
    const row = rows.caveats.getRequired(kref);
    if (object?.owner !== KERNEL_REALM)
      problems.push(`${kref} is a caveat, whose owner is ${object?.owner}`);
    if (row.type !== 'forwarder') return;
    hold(row.target);
    if (object?.revoked) problems.push(`${kref} is revoked and holds ${row.target}`);
    if (row.uses !== undefined && row.uses < 1) problems.push(`${kref} has no uses left`);
    const behind = rows.caveats.get(row.target);
    if (
      row.depth !== (behind?.type === 'forwarder' ? behind.depth : 0) + 1 &&
      behind?.type !== 'ended'
    )
      problems.push(`${kref} lies ${row.depth} forwarders before its object`);
    const { expiresAt } = row;
    if (
      expiresAt !== undefined &&
      !rows.expiries.has(`${String(expiresAt).padStart(16, '0')}.${kref}`)
    )
      problems.push(`${kref} will not be found when it expires`);
  };

  const walkObject = (kref: KRef): void => {
    const { owner, reach, recog } = rows.objects.getRequired(kref);
    const held = expected.get(kref) ?? { reach: 0, recog: 0 };
    expected.delete(kref);
    if (held.reach !== reach || held.recog !== recog) {
      problems.push(
        `${kref} is counted ${reach},${recog} and held ${held.reach},${held.recog} times`,
      );
    }
    if (owner === null && recog === 0) problems.push(`${kref} has neither owner nor holder`);
    if (owner === KERNEL_REALM) {
      if (kref !== CAVEAT_MAKER && !rows.caveats.has(kref))
        problems.push(`${kref} is of the kernel and no caveat`);
    } else if (owner !== null && !rows.clistByKRef.has(`${owner}.${kref}`)) {
      problems.push(`${kref} is not in the c-list of its owner ${owner}`);
    }
  };

  for (const id of rows.clistByKRef.ids()) {
    const [endpoint, ref] = id.split('.') as [EndpointId, string];
    if (ref.startsWith('k')) walkEntry(endpoint, ref);
    else if (rows.clistByKRef.get(`${endpoint}.${rows.clistByVRef.get(id)}`)?.vref !== ref) {
      problems.push(
        `${endpoint} has ${ref} for ${rows.clistByVRef.get(id)}, and not the other way round`,
      );
    }
  }
  for (const id of rows.queues.ids()) {
    const [queue, index] = id.split('.') as [string, string | undefined];
    if (index === undefined) walkQueue(queue);
    else if (!rows.queues.has(queue)) problems.push(`${id} is in no queue`);
    else walkItem(queue, rows.peerQueueItems.getRequired(id));
  }
  for (const payer of new Set([...charged.keys(), ...rows.charges.ids()])) {
    const [due, found] = [charged.get(payer), rows.charges.get(payer)];
    if (due?.count !== found?.count || due?.chars !== found?.chars)
      problems.push(`${payer} is charged ${JSON.stringify(found)} for ${JSON.stringify(due)}`);
  }
  for (const kref of rows.promises.ids()) {
    const promise = rows.promises.getRequired(kref);
    if (promise.state !== 'open') for (const slot of promise.value.slots) hold(slot);
  }
  for (const vatId of rows.vats.ids()) hold(rows.vats.getRequired(vatId).root);
  for (const kref of rows.pins.ids()) {
    for (let pins = rows.pins.getRequired(kref); pins > 0; pins -= 1) hold(kref);
  }
  for (const name of rows.services.ids()) hold(rows.services.getRequired(name).kref);
  for (const id of rows.holds.ids()) {
    hold(id.split('.')[1] as KRef);
    const times = rows.holds.getRequired(id);
    if (!(times > 0)) problems.push(`${id} is held ${times} times`);
  }
  if (rows.objects.has(CAVEAT_MAKER)) hold(CAVEAT_MAKER);
  for (const kref of rows.caveats.ids()) walkCaveat(kref);
  for (const id of rows.expiries.ids()) {
    const [at, kref] = id.split('.') as [string, KRef];
    const row = rows.caveats.get(kref);
    if (row?.type !== 'forwarder' || row.expiresAt !== Number(at))
      problems.push(`${kref} is to expire at ${at}, and is no such forwarder`);
  }
  for (const id of rows.lateNames.ids()) hold(rows.lateNames.getRequired(id).kref);
  for (const number of rows.urls.ids()) {
    const { kref, uses, expiresAt } = rows.urls.getRequired(number);
    hold(kref);
    if (uses === 0) problems.push(`an ocap URL for ${kref} has no uses left`);
    const expiry = `${String(expiresAt).padStart(16, '0')}.${number}`;
    if (expiresAt !== undefined && !rows.urlExpiries.has(expiry))
      problems.push(`an ocap URL for ${kref} will not be found when it expires`);
  }
  for (const id of rows.urlExpiries.ids()) {
    if (!rows.urls.has(id.split('.')[1] as string))
      problems.push(`what expires at ${id.split('.')[0]} is no ocap URL`);
  }
  for (const id of rows.calls.ids()) {
    const { target, args = [], result } = rows.calls.getRequired(id);
    if (target !== undefined) hold(target);
    for (const kref of args) hold(kref);
    holdResult(result);
  }
  // What all of these hold is known now.
  for (const kref of rows.promises.ids()) walkPromise(kref);
  for (const kref of rows.objects.ids()) walkObject(kref);
  for (const kref of expected.keys()) problems.push(`${kref} is held and does not exist`);
  return problems;
}

function findBrokenVats(rows: KernelRows): string[] {
  const problems: string[] = [];
  const durable = new Map<string, number>();
  const roots = new Set<KRef>();

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
    roots.add(vat.root);
    if (rows.dead.has(vatId)) problems.push(`${vatId} is dead and exists`);
    // A new vat of an upgrade is a member when that has succeeded.
    const isMember = rows.subclusters.get(vat.subcluster)?.vats[vat.name] === vatId;
    if (!isMember && vat.condition !== 'launching') {
      problems.push(`${vatId} is not in its subcluster ${vat.subcluster}`);
    }
    if (!rows.bundles.has(vat.bundleHash)) problems.push(`the bundle of ${vatId} is not stored`);
    if ((vat.condition === 'broken') !== (vat.fault !== undefined)) {
      problems.push(`${vatId} is ${vat.condition} for the reason ${vat.fault}`);
    }
    if (rows.objects.get(vat.root)?.owner !== vatId)
      problems.push(`${vatId} does not own its root`);
    for (const id of rows.clistByKRef.ids(`${vatId}.k`)) {
      const row = rows.clistByKRef.getRequired(id);
      const counted = row.durable ?? 0;
      const held = durable.get(id) ?? 0;
      durable.delete(id);
      if (counted !== held)
        problems.push(`${id} is counted durable ${counted} and held ${held} times`);
      const outlives = isExportVRef(row.vref)
        ? row.vref === ROOT_VREF || isDurableVRef(row.vref)
        : counted > 0;
      if (!vat.live && !outlives) problems.push(`${vatId} is not running and has ${row.vref}`);
    }
  }
  for (const id of durable.keys()) problems.push(`${id} is held by state and not in the c-list`);
  for (const kref of rows.pins.ids())
    if (!roots.has(kref)) problems.push(`${kref} is pinned and no root`);
  for (const name of rows.names.ids()) {
    const id = rows.names.getRequired(name);
    if (rows.subclusters.get(id)?.name !== name)
      problems.push(`"${name}" is not the name of ${id}`);
  }
  for (const id of rows.subclusters.ids()) {
    const { name } = rows.subclusters.getRequired(id);
    if (name !== undefined && rows.names.get(name) !== id)
      problems.push(`"${name}" does not name ${id}`);
    const members = Object.values(rows.subclusters.getRequired(id).vats);
    if (members.length === 0) problems.push(`subcluster ${id} has no vats`);
    for (const vatId of members) {
      if (!rows.vats.has(vatId))
        problems.push(`subcluster ${id} has ${vatId}, which does not exist`);
    }
  }
  for (const endpoint of rows.vrefNumbers.ids()) {
    if (isVatId(endpoint) && !rows.vats.has(endpoint))
      problems.push(`${endpoint} is gone and has numbers`);
  }
  for (const id of rows.clistByKRef.ids(`${HOST_REALM}.kp`)) {
    const promise = rows.promises.get(id.slice(HOST_REALM.length + 1));
    if (promise?.state !== 'open' || promise.decider !== HOST_REALM)
      problems.push(`the host realm has promise ${id}, which it does not decide`);
  }
  return problems;
}

function findBrokenSessions(rows: KernelRows): string[] {
  const problems: string[] = [];
  for (const session of rows.sessions.ids()) {
    const { acked, sent, parent } = rows.sessions.getRequired(session);
    const frames = rows.frames.ids(`${session}.`).length;
    if (frames !== sent - acked) {
      problems.push(`${session} has ${frames} frames of ${acked} to ${sent}`);
    }
    if (parent !== undefined && !rows.sessions.has(parent))
      problems.push(`${session} outlives ${parent}`);
    for (const id of rows.clistByKRef.ids(`${session}.k`)) {
      const { vref, reach, mentions = 0, told } = rows.clistByKRef.getRequired(id);
      if (mentions < 0) problems.push(`${id} is counted ${mentions} times`);
      if (!isPromiseVRef(vref)) {
        if (!isExportVRef(vref) && (mentions === 0 || !reach))
          problems.push(`${session} was given ${vref} no times and has it`);
        continue;
      }
      const kref = id.slice(session.length + 1);
      const promise = rows.promises.get(kref);
      const isHeard =
        promise?.state === 'open'
          ? promise.decider === session || promise.subs.includes(session)
          : told || queueTells(rows, session, kref);
      if (!isHeard) problems.push(`${session} will never hear of ${vref}`);
    }
  }
  for (const id of rows.frames.ids()) {
    const endpoint = id.split('.')[0] as EndpointId;
    if (!rows.sessions.has(endpoint) && !rows.remotes.has(endpoint))
      problems.push(`frame ${id} is of a session that does not exist`);
  }
  for (const id of rows.shapes.ids()) {
    const owner = id.split('.')[0] as EndpointId;
    if (!rows.vats.has(owner) && !rows.remotes.has(owner))
      problems.push(`shape ${id} is of a vat or peer that does not exist`);
  }
  return problems;
}

function findBrokenRemotes(rows: KernelRows): string[] {
  const problems: string[] = [];
  const met = new Set<string>();
  for (const remote of rows.remotes.ids()) {
    const { peerId, acked, sent } = rows.remotes.getRequired(remote);
    if (met.has(peerId)) problems.push(`there are two conversations with ${peerId}`);
    met.add(peerId);
    const frames = rows.remoteFrames.ids(`${remote}.`);
    if (frames.length !== sent - acked)
      problems.push(`${remote} has ${frames.length} frames of ${acked} to ${sent}`);
    const dying = frames.flatMap((id) => rows.remoteFrames.getRequired(id).retire ?? []);
    const late = rows.lateNames.ids(`${remote}.`).map((id) => id.slice(remote.length + 1));
    if ([...dying].sort().join() !== late.sort().join())
      problems.push(`${remote} may use ${late.join(' ')}, and frames end ${dying.join(' ')}`);
    for (const id of rows.clistByKRef.ids(`${remote}.k`)) {
      const { vref, reach, mentions = 0, theirs } = rows.clistByKRef.getRequired(id);
      const kref = id.slice(remote.length + 1);
      if (mentions < 0) problems.push(`${id} is counted ${mentions} times`);
      if (!isPromiseVRef(vref)) {
        if (reach !== mentions > 0) problems.push(`${remote} was given ${vref} ${mentions} times`);
        continue;
      }
      const promise = rows.promises.get(kref);
      const isHeard =
        promise?.state === 'open'
          ? promise.decider === remote || promise.subs.includes(remote)
          : queueTells(rows, remote, kref);
      if (!theirs && !isHeard) problems.push(`${remote} will never hear of ${vref}`);
    }
  }
  for (const id of rows.lateNames.ids())
    if (!rows.remotes.has(id.split('.')[0] as EndpointId))
      problems.push(`${id} is a name of a peer that does not exist`);
  return problems;
}

/** Is the session yet to be told of the settled promise? */
function queueTells(rows: KernelRows, session: EndpointId, kref: KRef): boolean {
  const { head, tail } = rows.queues.get(session) ?? { head: 0, tail: 0 };
  for (let index = head; index < tail; index += 1) {
    const item = rows.queueItems.get(`${session}.${index}`);
    if (item?.type === 'notify' && item.promise === kref) return true;
  }
  return false;
}
