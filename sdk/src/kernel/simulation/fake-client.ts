/**
 * A client of a session, as a page's side would be: it remembers what it was told and what it said, and holds the kernel
 * to the protocol. One that lies says what comes to its mind, and is held to nothing.
 */
import { isExportVRef, isPromiseVRef, type EndpointId, type VRef } from '../../protocol/refs.js';
import type { CapData } from '../../protocol/capdata.js';
import type { ClientOp } from '../../protocol/session-wire.js';
import type { SessionFrame } from '../session-rows.js';
import type { Ledger } from './ledger.js';
import type { Random } from './random.js';

export type ClientFrame = { seq: number; ack: number; ops: ClientOp[] };

type Promised = {
  by: 'kernel' | 'me';
  /** The frame that told how it was settled. */
  settledIn?: number;
  /** This client has settled it. */
  done?: true;
};

export type FakeClient = ReturnType<typeof makeFakeClient>;

export function makeFakeClient(options: {
  random: Random;
  ledger: Ledger;
  hostMark: string;
  isLiar: boolean;
  /** Of an object that it knows: what the ledger calls it. */
  uidOf: (session: EndpointId, vref: VRef) => string | undefined;
}) {
  const { random, ledger, hostMark, isLiar, uidOf } = options;
  const imports = new Map<VRef, number>();
  const everImported = new Set<VRef>();
  const promises = new Map<VRef, Promised>();
  const exports = new Map<VRef, number>();
  const own = new Set<VRef>();
  const sent = new Map<number, ClientFrame>();
  const sequences = new Map<string, number>();
  let session: EndpointId | undefined;
  let nextName = 1;
  let seq = 0;
  let lastFrame = 0;
  let acked = 0;
  let closedBelow = 0;

  const insist = (condition: unknown, what: string): void => {
    if (!condition && !isLiar) throw new Error(`a client of ${session}: ${what}`);
  };

  const makeName = (kind: 'o' | 'p'): VRef => {
    const name = `${kind}+${nextName}`;
    nextName += 1;
    own.add(name);
    return name;
  };

  // What it hears

  const readSlots = ({ slots }: CapData<VRef>, names: ReadonlySet<VRef>): void => {
    for (const slot of slots) {
      if (isExportVRef(slot)) insist(own.has(slot), `${slot} is not its own`);
      else if (isPromiseVRef(slot)) {
        if (!promises.has(slot)) promises.set(slot, { by: 'kernel' });
      } else {
        const isNamed = everImported.has(slot) || names.has(slot);
        insist(isNamed, `${slot} came without its name`);
        everImported.add(slot);
        imports.set(slot, (imports.get(slot) ?? 0) + 1);
      }
    }
  };

  const hear = ({ seq: number, ops, names, acked: known }: SessionFrame): void => {
    if (number <= lastFrame) return;
    insist(number === lastFrame + 1, `frame ${number} follows ${lastFrame}`);
    lastFrame = number;
    const named = new Set(names.map(({ ref }) => ref));
    for (const op of ops) {
      switch (op.op) {
        case 'give':
          readSlots(op.value, named);
          break;
        case 'call':
          insist(own.has(op.target), `${op.target} is called, which is not its own`);
          readSlots(op.methargs, named);
          if (op.result !== undefined) {
            const isNew = !promises.has(op.result) && !isExportVRef(op.result);
            insist(isNew, `${op.result} is to be decided, which it knew before`);
            promises.set(op.result, { by: 'me' });
          }
          break;
        case 'settle':
          for (const { promise } of op.resolutions) {
            const it = promises.get(promise) ?? { by: 'kernel' };
            insist(it.by === 'kernel', `${promise} was settled for it, which it decides`);
            insist(it.settledIn === undefined, `${promise} was settled twice`);
            promises.set(promise, { ...it, settledIn: number });
          }
          for (const { value } of op.resolutions) readSlots(value, named);
          break;
        case 'drop':
          for (const [ref, count] of op.refs) {
            // It was under way when what the client exposed was closed.
            if (Number(ref.slice(2)) < closedBelow) continue;
            const left = (exports.get(ref) ?? 0) - count;
            insist(left >= 0, `${ref} is dropped more often than it was named`);
            if (left > 0) exports.set(ref, left);
            else exports.delete(ref);
          }
          break;
        case 'broken':
          for (const { ref } of op.refs) insist(everImported.has(ref), `${ref} broke, unknown`);
      }
    }
    for (const [name, { settledIn }] of promises)
      if (settledIn !== undefined && settledIn <= known) promises.delete(name);
  };

  // What it says

  /** Names that it may use in a frame that acknowledges everything so far. */
  const usable = (): VRef[] => [
    ...imports.keys(),
    ...exports.keys(),
    ...[...promises].flatMap(([name, { by, settledIn, done }]) =>
      settledIn === undefined && !(by === 'me' && done) ? [name] : [],
    ),
  ];

  const values = (count: number): VRef[] => {
    const slots = random.some(usable(), random.below(count));
    if (random.chance(0.3)) slots.push(makeName('o'));
    if (random.chance(0.15)) {
      const promise = makeName('p');
      promises.set(promise, { by: 'me' });
      slots.push(promise);
    }
    for (const slot of slots) {
      if (isExportVRef(slot) && !isPromiseVRef(slot))
        exports.set(slot, (exports.get(slot) ?? 0) + 1);
    }
    return slots;
  };

  const call = (): ClientOp[] => {
    const targets = usable().filter((name) => promises.get(name)?.by !== 'me');
    const target = random.maybePick(targets);
    if (target === undefined) return [];
    const id = ledger.nextId();
    const uid = session === undefined ? undefined : uidOf(session, target);
    // An object that comes back has another name.
    const sequence = (sequences.get(uid ?? target) ?? 0) + 1;
    sequences.set(uid ?? target, sequence);
    const slots = values(3);
    ledger.sent(id, {
      from: session as string,
      sequence,
      target: uid,
      slots: slots.map(() => undefined),
      result: undefined,
    });
    const result = random.chance(0.7) ? makeName('p') : undefined;
    if (result !== undefined) promises.set(result, { by: 'kernel' });
    const methargs = { body: `#["m",[${id}]]`, slots };
    const read = random.chance(0.2) && ({ read: true } as const);
    return [{ op: 'call', target, methargs, ...(result && { result }), ...read }];
  };

  const settle = (name: VRef): ClientOp => {
    const slots = values(2).filter((slot) => slot !== name);
    promises.set(name, { by: 'me', done: true });
    const value = { body: `${hostMark}${ledger.nextId()}]`, slots };
    return {
      op: 'settle',
      resolutions: [{ promise: name, rejected: random.chance(0.2), value }],
    };
  };

  const undecided = (): VRef[] =>
    [...promises].flatMap(([name, { by, done }]) => (by === 'me' && !done ? [name] : []));

  const drop = (ref: VRef, count: number): ClientOp => {
    const left = (imports.get(ref) ?? 0) - count;
    if (left > 0) imports.set(ref, left);
    else imports.delete(ref);
    return { op: 'drop', refs: [[ref, count]] };
  };

  const lie = (): ClientOp[] => {
    const name = (): VRef =>
      `${random.pick(['o', 'p'])}${random.pick(['+', '-'])}${random.below(30)}`;
    const value = { body: `${hostMark}${ledger.nextId()}]`, slots: [name(), name()] };
    return [
      random.pick<ClientOp>([
        { op: 'call', target: name(), methargs: value, result: `p+${random.below(60)}` },
        {
          op: 'settle',
          resolutions: [{ promise: `p-${random.below(9)}`, rejected: false, value }],
        },
        { op: 'drop', refs: [[name(), 1 + random.below(3)]] },
      ]),
    ];
  };

  const frame = (ops: ClientOp[]): ClientFrame => {
    seq += 1;
    acked = lastFrame;
    const made = { seq, ack: lastFrame, ops };
    sent.set(seq, made);
    return made;
  };

  return {
    isLiar,
    hear,
    session: (): EndpointId | undefined => session,
    received: (): number => lastFrame,

    welcomed(id: EndpointId): void {
      session = id;
    },

    /** Takes its session up again. Returns what it has to say anew. */
    resumed(received: number, closed: number): ClientFrame[] {
      closedBelow = closed;
      acked = 0;
      for (const name of [...exports.keys()])
        if (Number(name.slice(2)) < closedBelow) exports.delete(name);
      for (const [name, { by }] of promises) {
        const isClosed = by === 'me' && isExportVRef(name) && Number(name.slice(2)) < closedBelow;
        if (isClosed) promises.delete(name);
      }
      acknowledged(received);
      return [...sent.values()];
    },

    /** Says something. */
    speak(): ClientFrame | undefined {
      if (isLiar && random.chance(0.2)) return frame(lie());
      const mine = random.maybePick(undecided());
      const held = random.maybePick([...imports.keys()]);
      const ops = [
        ...(mine !== undefined && random.chance(0.6) ? [settle(mine)] : []),
        ...call(),
        ...(held !== undefined && random.chance(0.3) ? [drop(held, 1)] : []),
      ];
      return ops.length === 0 ? undefined : frame(ops);
    },

    /** Settles what it decides and lets go of everything; undefined where it has done so. */
    quiet(): ClientFrame | undefined {
      const ops = [
        ...undecided().map((name): ClientOp => {
          promises.set(name, { by: 'me', done: true });
          const value = { body: `${hostMark}${ledger.nextId()}]`, slots: [] };
          return { op: 'settle', resolutions: [{ promise: name, rejected: true, value }] };
        }),
        ...[...imports].map(([ref, count]) => drop(ref, count)),
      ];
      return ops.length === 0 ? undefined : frame(ops);
    },

    /** What it acknowledges, if anything has come since. */
    ack(): number | undefined {
      if (acked === lastFrame) return undefined;
      acked = lastFrame;
      return lastFrame;
    },

    acknowledged,
  };

  function acknowledged(received: number): void {
    for (const number of sent.keys()) if (number <= received) sent.delete(number);
  }
}
