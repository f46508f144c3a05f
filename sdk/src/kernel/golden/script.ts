/**
 * Runs golden scripts: what is done to a kernel, and below it the effects that came out.
 *
 *     === a message is answered              a section is one test, on a kernel of its own
 *     > launched alice bob                   a command
 *     > done v1                              with what the vat did in the crank, one system call a line
 *         send o-1.greet(you) -> p+1
 *     v2 #3 message o+0.greet(you) -> p-1    an effect
 *     !! Error                               a command threw, which none may
 *     # why                                  stays where it is
 *
 * After each command the whole store is searched for broken invariants. At the end of a section everything is
 * terminated, answered and released, and the tables must be empty again. See {@link commands} for what there is.
 */
import type { ClusterConfig } from '../../protocol/config.js';
import type { EndpointId, KRef, VatId } from '../../protocol/refs.js';
import type { Delivery } from '../../protocol/vat-wire.js';
import { makeChangeSet } from '../../store/change-set.js';
import { makeMemoryStore } from '../../store/memory-store.js';
import type { KernelEffect, KernelEvent } from '../events.js';
import { findBrokenInvariants } from '../invariants.js';
import { makeKernelMachine, type KernelPolicy } from '../kernel.js';
import type { QueueItem } from '../rows.js';
import { formatEffect, formatMessage, formatValue, parseMessage, parseValue } from './notation.js';
import { readClientOp, readResult, refuse } from './results.js';

export const policy: KernelPolicy = {
  deliveryAttemptsMax: 2,
  failuresMax: 3,
  notifyBatchMax: 4,
  deliveriesPerReap: 1_000,
  queueMax: 6,
  chargedMessagesMax: 1_000,
  collectBatch: 3,
  deliveriesAheadMax: 1,
  promiseBlock: 1,
  vatsLiveMax: 4,
  reapIdleMs: 1_000,
  sessionFramesMax: 3,
  sessionFrameCharsMax: 1_000_000,
  ocapUrlsMax: 1_000,
  peerFramesMax: 4,
  peerFrameCharsMax: 100_000,
  peerRefsMax: 10_000,
  peerGivenMax: 10_000,
  peerQueueCharsMax: 1_000_000,
  queueCharsMax: 1_000_000,
  peersMax: 100,
  peerTimeoutMs: 1_000,
  sessionsMax: 4,
  sessionRefsMax: 20,
};

export type Section = { name: string; text: string };

/** A script's sections, each with its text; what comes before the first is the file's head. */
export function splitScript(text: string): { head: string; sections: Section[] } {
  const [head = '', ...parts] = text.split(/^(?==== )/m);
  return {
    head,
    sections: parts.map((part) => ({ name: part.slice(4, part.indexOf('\n')), text: part })),
  };
}

/**
 * The section's text with the effects that really come out.
 * @param commitEach - commit after each command, which must change nothing but what a crash loses.
 */
export function runSection(text: string, { commitEach = false } = {}): string {
  const kernel = makeScriptedKernel();
  const output: string[] = [];
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] as string;
    if (!line.startsWith('> ')) {
      if (line === '' || line.startsWith('=== ') || line.startsWith('#')) output.push(line);
      continue;
    }
    output.push(line);
    const details: string[] = [];
    while (/^\s+\S/.test(lines[at + 1] ?? '')) {
      at += 1;
      output.push(lines[at] as string);
      details.push((lines[at] as string).trim());
    }
    try {
      output.push(...kernel.run(line.slice(2), details));
      if (commitEach) kernel.run('commit', []);
    } catch (thrown) {
      output.push(`!! ${String(thrown)}`);
    }
  }
  kernel.end();
  return output.join('\n');
}

type Given = { incarnation: number; deliveryId: number; delivery: Delivery };

function makeScriptedKernel() {
  const store = makeMemoryStore();
  const changes = makeChangeSet(store, { strict: true });
  let machine = makeKernelMachine(changes, policy);
  const given = new Map<VatId, Given>();
  let lastRequest = 0;
  let hostExport = 4;
  let now = 0;

  const take = (effects: readonly KernelEffect[]): string[] => {
    const problems = findBrokenInvariants(machine.rows);
    if (problems.length > 0) throw new Error(`broken invariants:\n${problems.join('\n')}`);
    for (const effect of effects) {
      if (effect.type === 'deliver') given.set(effect.vatId, effect);
      if (
        effect.type === 'stop-vat' &&
        given.get(effect.vatId)?.incarnation === effect.incarnation
      ) {
        given.delete(effect.vatId);
      }
    }
    return effects.map(formatEffect);
  };

  const step = (event: KernelEvent): string[] =>
    take([...machine.step(event, now), ...machine.tell()]);
  const request = (): number => (lastRequest += 1);

  /** `v1`: what it was given last; `v1.2 #7`: what it says. */
  const crank = (text: string): { vatId: VatId; incarnation: number; deliveryId: number } => {
    const [, vatId, incarnation, deliveryId] =
      /^(v\d+)(?:\.(\d+) #(\d+))?$/.exec(text) ?? refuse(`no crank of a vat: ${text}`);
    if (incarnation !== undefined) {
      return {
        vatId: vatId as VatId,
        incarnation: Number(incarnation),
        deliveryId: Number(deliveryId),
      };
    }
    const last = given.get(vatId as VatId) ?? refuse(`${vatId} was given nothing`);
    return { vatId: vatId as VatId, incarnation: last.incarnation, deliveryId: last.deliveryId };
  };

  const finish = (which: string, details: readonly string[]): string[] => {
    const { vatId, ...ids } = crank(which);
    const isStart = given.get(vatId)?.delivery.type === 'start';
    const result = readResult(details, isStart);
    return step({ type: 'crank-done', vatId, ...ids, result });
  };

  /** `alice bob! services clock io out system as name again s1`, all but the vats at will. The heap of bob is a cache. */
  const launch = (text: string, bootstrap = true): string[] => {
    const [, start = '', name, again] = /^(.*?)(?: as (\w+))?(?: again (s\d+))?$/.exec(text) ?? [];
    const [plain = '', channel] = start.replace(/ system$/, '').split(' io ');
    const [names = '', services = ''] = plain.split(' services ');
    const vats: ClusterConfig['vats'] = {};
    for (const name of names.split(' ')) {
      vats[name.replace(/!$/, '')] = {
        bundleSpec: 'data:',
        ...(name.endsWith('!') && { creationOptions: { durable: true } }),
      };
    }
    return step({
      type: 'launch',
      requestId: request(),
      session: 'a1',
      config: {
        bootstrap: Object.keys(vats)[0] as string,
        vats,
        services: services.split(' ').filter(Boolean),
        ...(channel !== undefined && { io: { [channel]: { type: 'console' } } }),
      },
      bundles: Object.fromEntries(Object.keys(vats).map((name) => [name, `hash-of-${name}`])),
      contents: Object.fromEntries(Object.keys(vats).map((name) => [`hash-of-${name}`, 'code'])),
      ...(start.endsWith(' system') && { system: true }),
      ...(name !== undefined && { name }),
      ...(again !== undefined && { subclusterId: again }),
      ...(channel !== undefined && { io: { [channel]: `o+${(hostExport += 1)}` } }),
      bootstrap,
    });
  };

  const launched = (text: string): string[] => {
    const before = new Set(machine.rows.vats.ids());
    const effects = launch(text, false);
    const vatIds = machine.rows.vats.ids().filter((id) => !before.has(id));
    for (const vatId of vatIds) effects.push(...finish(vatId, []));
    return vatIds.map((id) => `${id} has root ${machine.rows.vats.getRequired(id).root}`);
  };

  const restart = (): string[] => {
    changes.reset();
    given.clear();
    machine = makeKernelMachine(changes, policy);
    return take([...machine.start(), ...machine.tell()]);
  };

  const { rows } = machine;
  /** What each command does: the text after its name, and the indented lines below. */
  const commands: { [name: string]: (text: string, details: string[]) => string[] } = {
    launch: (text) => launch(text),
    /** Without `bootstrap`, and already started. */
    launched,
    /** The vat's crank is done. */
    done: finish,
    /** The same with any JSON for a result. */
    result: (text, [json = 'null']) =>
      step({ type: 'crank-done', ...crank(text), result: JSON.parse(json) }),
    fail: (text, [message = 'it broke']) =>
      step({ type: 'crank-failed', ...crank(text), error: { name: 'Error', message } }),
    /** The same with any JSON for an error. */
    failed: (text, [json = 'null']) =>
      step({ type: 'crank-failed', ...crank(text), error: JSON.parse(json) }),
    /** `v1 it crashed`. */
    lose(text) {
      const [, vatId = '', incarnation, why = ''] = /^(v\d+)(?:\.(\d+))? (.*)$/.exec(text) ?? [];
      const current = rows.vats.get(vatId)?.incarnation ?? 0;
      return step({ type: 'vat-lost', vatId, incarnation: Number(incarnation ?? current), why });
    },
    'want-turn': (vatId) =>
      step({ type: 'want-turn', vatId, incarnation: rows.vats.get(vatId)?.incarnation ?? 1 }),
    /** `ko4.greet(you)`, with ` as a2` for another session than a1. */
    send(text) {
      const [message = '', session = 'a1'] = text.split(' as ');
      const { target, methargs } = parseMessage(message);
      return step({ type: 'send', requestId: request(), session, target, methargs });
    },
    /** The host realm answers: `1 = value` or `1 rejected with value`. */
    answer(text) {
      const [, callId, how, value] = /^(\d+) (=|rejected with) (.*)$/.exec(text) ?? refuse(text);
      return step({
        type: 'host-answer',
        callId: Number(callId),
        rejected: how !== '=',
        value: parseValue(value as string),
      });
    },
    /** `clock`, or `clock system`; `clock is ko4` where it is an object of a vat. */
    register(text) {
      const [name = '', system, kref] = text.split(' ');
      if (system === 'is') {
        const service = { name, kref: kref as KRef, systemOnly: false };
        return step({ type: 'register-service', requestId: request(), ...service });
      }
      const vref = `o+${hostExport}`;
      hostExport += 1;
      const systemOnly = system !== undefined;
      return step({ type: 'register-service', requestId: request(), name, vref, systemOnly });
    },
    /** `v1 hash`: the code of that hash. */
    upgrade(text) {
      const [vatId = '', bundleHash = ''] = text.split(' ');
      const code = { config: { bundleSpec: 'data:' }, bundleHash, content: 'code' };
      return step({ type: 'upgrade-vat', requestId: request(), vatId, ...code });
    },
    /** `s1 alice+ carol`: another definition, with other code for `alice`; vats that it lacks are removed. */
    redefine(text) {
      const [subclusterId = '', ...names] = text.split(' ');
      const vats = names.map((name) => name.replace('+', ''));
      const hashes = names.map((name) => name.replace(/(.*)\+/, 'new-$1'));
      return step({
        type: 'upgrade-subcluster',
        requestId: request(),
        subclusterId,
        config: {
          bootstrap: vats[0] as string,
          vats: Object.fromEntries(vats.map((name) => [name, { bundleSpec: 'data:' }])),
        },
        bundles: Object.fromEntries(vats.map((name, index) => [name, `hash-of-${hashes[index]}`])),
        contents: Object.fromEntries(hashes.map((name) => [`hash-of-${name}`, 'code'])),
        changed: vats.filter((name) => names.includes(`${name}+`)),
        definition: names.join('-'),
        pastMax: 2,
      });
    },
    'terminate-subcluster': (subclusterId) =>
      step({ type: 'terminate-subcluster', requestId: request(), subclusterId }),
    /** `v1`, or `v1 because value`. */
    terminate(text) {
      const [vatId = '', reason] = text.split(' because ');
      const event = { type: 'terminate-vat', requestId: request(), vatId } as const;
      return step(reason === undefined ? event : { ...event, reason: parseValue(reason) });
    },
    start: (vatId) => step({ type: 'start-vat', requestId: request(), vatId }),
    restart: (vatId) => step({ type: 'restart-vat', requestId: request(), vatId }),
    pin: (vatId) => step({ type: 'pin-root', requestId: request(), vatId, pin: true }),
    unpin: (vatId) => step({ type: 'pin-root', requestId: request(), vatId, pin: false }),
    revoke: (kref) => step({ type: 'revoke', requestId: request(), kref }),
    /** `ko4 methods read list uses 3 expires 1000`, the limits at will. */
    caveat(text) {
      const [, target = '', methods, uses, expires] =
        /^(\S+)(?: methods ((?:(?!uses|expires)\w+ ?)+))?(?: ?uses (\d+))?(?: ?expires (\d+))?$/.exec(
          text,
        ) ?? refuse(text);
      const limits = {
        ...(methods !== undefined && { methods: methods.trim().split(' ') }),
        ...(uses !== undefined && { uses: Number(uses) }),
        ...(expires !== undefined && { expiresInMs: Number(expires) }),
      };
      return step({ type: 'make-caveat', requestId: request(), session: 'a1', target, limits });
    },
    /** It is that late at the host, in milliseconds; the kernel learns it with its next event. */
    clock(text) {
      now = Number(text);
      return [];
    },
    /** `ko4`, `ko4 as h1`, `ko4 times 2`. */
    release(text) {
      const [, kref = '', session = 'a1', times] =
        /^(\S+)(?: as (\w+))?(?: times (\d+))?$/.exec(text) ?? refuse(text);
      return step({
        type: 'release',
        session,
        kref,
        ...(times !== undefined && { times: Number(times) }),
      });
    },
    /** A promise that the host realm exported settles: `p+5 = value` or `p+5 rejected with value`. */
    'host-resolve'(text) {
      const [, vpid = '', how, value = ''] =
        /^(\S+) (=|rejected with) (.*)$/.exec(text) ?? refuse(text);
      return step({ type: 'host-resolve', vpid, rejected: how !== '=', value: parseValue(value) });
    },
    'host-await': (promise) => step({ type: 'host-await', requestId: request(), promise }),
    /** `plain`, `privileged`, at will `under c1` and `giving ko4 ko5`: a client session. */
    open(text) {
      const [, kind, parent, given] =
        /^(plain|privileged)(?: under (c\d+))?(?: giving (.*))?$/.exec(text) ?? refuse(text);
      return step({
        type: 'session-open',
        requestId: request(),
        secretHash: 'secret',
        privileged: kind === 'privileged',
        ...(parent !== undefined && { parent }),
        ...(given !== undefined && { give: given.split(' ') }),
      });
    },
    /** `c1 has 3`, at will `with another secret`. */
    attach(text) {
      const [, session, received, secret] =
        /^(c\d+) has (\d+)(?: with (.*))?$/.exec(text) ?? refuse(text);
      return step({
        type: 'session-attach',
        requestId: request(),
        session: session as EndpointId,
        secretHash: secret ?? 'secret',
        received: Number(received),
      });
    },
    /** `c1 4`, at will `ack 3`: the client's frame 4, with its ops one a line. */
    frame(text, details) {
      const [, session, seq, ack = '0'] =
        /^(c\d+) (\d+)(?: ack (\d+))?$/.exec(text) ?? refuse(text);
      return step({
        type: 'session-frame',
        session: session as EndpointId,
        seq: Number(seq),
        ack: Number(ack),
        ops: details.map(readClientOp),
      });
    },
    ack(text) {
      const [session = '', ack] = text.split(' ');
      return step({ type: 'session-ack', session, ack: Number(ack) });
    },
    detach: (session) => step({ type: 'session-detach', session }),
    end: (session) => step({ type: 'session-end', session }),
    reap: (text) =>
      step({ type: 'reap', requestId: request(), ...(text !== '' && { vatIds: text.split(' ') }) }),
    idle: () => step({ type: 'idle' }),
    watch: (text) => step({ type: 'watch', on: text !== 'off' }),
    drain: () => step({ type: 'drain' }),
    stop: () => step({ type: 'stop' }),
    tick: () => step({ type: 'tick' }),
    commit() {
      changes.commit();
      return [];
    },
    /** The process dies: what was not committed is lost. A new kernel starts on the store. */
    crash: () => restart(),
    /** A new kernel starts on the store, with everything committed. */
    reopen() {
      changes.commit();
      return restart();
    },

    /** What the tables hold. */
    clist: (endpoint) => showCList(endpoint),
    counts: (text) =>
      text.split(' ').map((kref) => {
        const object = rows.objects.get(kref);
        if (object === undefined) return `${kref} is gone`;
        const { owner, reach, recog } = object;
        return `${kref} of ${owner}: ${reach} reach it, ${recog} recognize it`;
      }),
    promises: () => rows.promises.ids().map(showPromise),
    queue: (target) => showQueue(target),
    state: (vatId) =>
      rows.state.ids(`${vatId}.`).map((id) => {
        const { value, slots = [] } = rows.state.getRequired(id);
        return `${id.slice(vatId.length + 1)} = ${value}${slots.length === 0 ? '' : ` holding ${slots.join(' ')}`}`;
      }),
    vat(vatId) {
      const { condition, live, failures, fault, incarnation } = rows.vats.getRequired(vatId);
      const state = machine.isRunning(vatId) ? 'up' : live ? 'live in the store' : 'down';
      return [
        `${vatId}.${incarnation} is ${condition} and ${state}, ${failures} failures${fault === undefined ? '' : `: ${fault}`}`,
      ];
    },
    holds: () =>
      rows.holds.ids().map((id) => {
        const times = rows.holds.getRequired(id);
        return times === 1 ? id : `${id} ${times} times`;
      }),
  };

  const showCList = (endpoint: EndpointId): string[] => {
    const ids = rows.clistByKRef.ids(`${endpoint}.k`);
    return ids.map((id) => {
      const { vref, reach, durable = 0 } = rows.clistByKRef.getRequired(id);
      return `${vref} = ${id.slice(endpoint.length + 1)}${reach ? '' : ', dropped'}${durable > 0 ? `, durable ${durable}` : ''}`;
    });
  };

  const showPromise = (kref: KRef): string => {
    const promise = rows.promises.getRequired(kref);
    if (promise.state === 'open') {
      const subs = promise.subs.length === 0 ? '' : `, for ${promise.subs.join(' ')}`;
      return `${kref} open, by ${promise.decider ?? 'nobody yet'}${subs}`;
    }
    return `${kref} ${promise.state === 'rejected' ? 'rejected with' : '='} ${formatValue(promise.value)}`;
  };

  const showQueue = (target: VatId | KRef): string[] => {
    const { head, tail } = rows.queues.get(target) ?? { head: 0, tail: 0 };
    return Array.from({ length: tail - head }, (_, index) => {
      const item: QueueItem = rows.queueItems.getRequired(`${target}.${head + index}`);
      if (item.type === 'notify') return `notify ${item.promise}`;
      const tried = item.attempts === undefined ? '' : `, tried ${item.attempts}`;
      return `message ${formatMessage(item.target, item.methargs, item.result)}${tried}`;
    });
  };

  take(machine.start());
  const rowsAtStart = new Set(changes.keys(''));

  return {
    run(command: string, details: string[]): string[] {
      const name = command.split(' ')[0] as string;
      const run = Object.hasOwn(commands, name) ? commands[name] : undefined;
      if (run === undefined) return refuse(`no command is called ${name}`);
      return run(command.slice(name.length + 1), details);
    },

    /** Ends everything, and insists that nothing is left but services and counters. */
    end(): void {
      for (const session of rows.sessions.ids()) step({ type: 'session-end', session });
      for (const id of rows.subclusters.ids()) {
        step({ type: 'terminate-subcluster', requestId: request(), subclusterId: id });
      }
      while (rows.dead.ids().length > 0) step({ type: 'tick' });
      for (const callId of rows.calls.ids()) {
        step({
          type: 'host-answer',
          callId: Number(callId),
          rejected: false,
          value: parseValue('undefined'),
        });
      }
      for (const hold of rows.holds.ids()) {
        const [session, kref] = hold.split('.') as [EndpointId, KRef];
        step({ type: 'release', session, kref, times: Number.MAX_SAFE_INTEGER });
      }
      for (const name of rows.services.ids().filter((id) => !id.startsWith('io:'))) {
        const { kref } = rows.services.getRequired(name);
        const vref = rows.clistByKRef.get(`h1.${kref}`)?.vref;
        for (const key of [`e.${name}`, `o.${kref}`, `c.h1.${kref}`, `c.h1.${vref}`])
          rowsAtStart.add(key);
      }
      const left = changes.keys('').filter((key) => !key.startsWith('n.') && !rowsAtStart.has(key));
      if (left.length > 0) throw new Error(`rows are left at the end: ${left.join(' ')}`);
    },
  };
}
