/** A session against what a host says, frame by frame. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { replaceEqualDeep, hashKey } from '@tanstack/query-core';
import { describe, expect, it, vi } from 'vitest';
import { KernelError } from '../errors.js';
import type { CapData } from '../protocol/capdata.js';
import type {
  ClientOp,
  FrameMessage,
  HostFrameMessage,
  HostOp,
  HostResolution,
  ObjectName,
  WelcomeMessage,
} from '../protocol/session-wire.js';
import { expose } from './expose.js';
import { call, dup, onBroken, release, withOptions } from './ref.js';
import { makeSession } from './session.js';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

type AnyRef = { [name: string]: (...args: unknown[]) => Promise<unknown> } & object;

const welcome: WelcomeMessage = {
  type: 'welcome',
  protocol: 1,
  session: 'c1',
  secret: 's',
  resumed: false,
  received: 0,
  closedBelow: 0,
  window: { frames: 100, chars: 100_000 },
  storeId: 'S',
  epoch: 'e',
  storage: 'memory',
};

const named = (ref: string, methods: string[], iface = 'Counter'): ObjectName => ({
  ref,
  id: `id${ref}`,
  iface,
  methods,
});

/** A session, and its host's half in plain data. */
function open() {
  const session = makeSession(() => undefined);
  session.welcomed(welcome);
  let seq = 0;
  return {
    session,
    /** The ops that have not been sent before. */
    ops(): ClientOp[] {
      const frames: FrameMessage<ClientOp>[] = [];
      session.flush((frame) => frames.push(frame));
      return frames.flatMap(({ ops }) => ops);
    },
    frame(ops: HostOp[], more: Partial<HostFrameMessage> = {}): void {
      seq += 1;
      session.receive({ type: 'frame', seq, ack: 0, acked: 0, ops, names: [], ...more });
    },
    settle(
      promise: string,
      value: CapData,
      more: Partial<HostResolution> = {},
      names: ObjectName[] = [],
    ): void {
      const resolutions = [{ promise, rejected: false, value, ...more }];
      this.frame([{ op: 'settle', resolutions }], { names });
    },
    /** A ref `o-1` with two methods, as the answer to a call. */
    async root(): Promise<AnyRef> {
      const answer = session.call('o-9', 'root', []);
      const op = this.ops().find((each) => each.op === 'call') as ClientOp & { op: 'call' };
      this.settle(op.result as string, { body: '#"$0.Alleged: Counter"', slots: ['o-1'] }, {}, [
        named('o-1', ['add', 'get']),
      ]);
      return (await answer) as AnyRef;
    },
  };
}

const data = (value: unknown): CapData => ({ body: `#${JSON.stringify(value)}`, slots: [] });

describe('a ref', () => {
  it('is frozen, has the methods alone, and a name of its own', async () => {
    const host = open();
    const root = await host.root();
    expect(Object.isFrozen(root)).toBe(true);
    expect(typeof root).toBe('object');
    expect(Object.keys(root)).toStrictEqual(['add', 'get']);
    expect(Object.prototype.toString.call(root)).toBe('[object Counter]');
    expect(JSON.stringify({ root })).toBe('{"root":"vatkit:S/ido-1"}');
  });

  it('never has members that JavaScript asks for', async () => {
    const host = open();
    const answer = host.session.call('o-9', 'x', []);
    const [op] = host.ops() as [ClientOp & { op: 'call' }];
    const methods = ['__proto__', 'constructor', 'then', 'toJSON', 'toString', 'ok'];
    host.settle(op.result as string, { body: '#"$0"', slots: ['o-1'] }, {}, [
      named('o-1', methods, 'Object'),
    ]);
    const ref = (await answer) as AnyRef;
    expect(Object.keys(ref)).toStrictEqual(['toString', 'ok']);
    expect(Object.getPrototypeOf(ref)).toBe(Object.prototype);
    expect(Object.prototype.toString.call(ref)).toBe('[object Remote]');
    void call(ref, 'then', 1);
    expect(host.ops()).toMatchObject([
      { op: 'call', target: 'o-1', methargs: data(['then', [1]]) },
    ]);
  });

  it('is an atom for structural sharing, and distinct in query keys', async () => {
    const host = open();
    const root = await host.root();
    const answer = host.session.call('o-9', 'other', []);
    const [op] = host.ops() as [ClientOp & { op: 'call' }];
    host.settle(op.result as string, { body: '#"$0"', slots: ['o-2'] }, {}, [
      named('o-2', ['add', 'get']),
    ]);
    const other = (await answer) as AnyRef;
    expect(replaceEqualDeep({ at: root }, { at: other }).at).toBe(other);
    const before = { at: root, n: 1 };
    expect(replaceEqualDeep(before, { at: root, n: 1 })).toBe(before);
    expect(hashKey(['vatkit', { ref: root }])).not.toBe(hashKey(['vatkit', { ref: other }]));
    expect(hashKey([withOptions(root, {})])).toBe(hashKey([root]));
  });

  it('is one for each object, counts its arrivals, and is dead after the last release', async () => {
    const host = open();
    const root = await host.root();
    expect(await host.root()).toBe(root);
    expect(dup(root)).toBe(root);
    const broken = vi.fn();
    onBroken(root, broken);
    release(root);
    release(root);
    expect(host.ops()).toStrictEqual([]);
    (root as unknown as Disposable)[Symbol.dispose]();
    expect(host.ops()).toStrictEqual([{ op: 'drop', refs: [['o-1', 2]] }]);
    await expect(root.add?.(1)).rejects.toMatchObject({ code: 'REF_RELEASED' });
    expect(broken).toHaveBeenCalledOnce();
    expect(() => dup(root)).toThrow('REF_RELEASED');
    release(root);
    expect(host.ops()).toStrictEqual([]);
    // The host had mentioned it once more before the drop reached it.
    const again = await host.root();
    expect(again).not.toBe(root);
    void again.add?.(1);
    expect(host.ops()).toMatchObject([{ op: 'call', target: 'o-1' }]);
  });

  it('is released when the engine collects it, and not while a method or a view of it is held', async () => {
    const host = open();
    const held: { get?: unknown; view?: unknown } = {};
    await (async () => {
      const root = await host.root();
      held.get = root.get;
      held.view = withOptions(root, { timeoutMs: 60_000 });
    })();
    // Of the answer that brought it the host knows that it came.
    host.session.understood(1);
    const collect = async (): Promise<ClientOp[]> => {
      for (let turn = 0; turn < 10; turn += 1) {
        gc();
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return host.ops();
    };
    expect(await collect()).toStrictEqual([]);
    delete held.view;
    expect(await collect()).toStrictEqual([]);
    delete held.get;
    expect(await collect()).toStrictEqual([{ op: 'drop', refs: [['o-1', 1]] }]);
  });

  it('passes as itself, its views too, and not to another session', async () => {
    const host = open();
    const root = await host.root();
    void root.add?.(root, [withOptions(root, { timeoutMs: 5 })]);
    expect(host.ops()).toMatchObject([
      { methargs: { body: '#["add",["$0.Alleged: Counter",["$0"]]]', slots: ['o-1'] } },
    ]);
    const elsewhere = await open().root();
    await expect(root.add?.({ to: elsewhere })).rejects.toThrow(
      'Cannot pass args[0].to: a ref of another kernel',
    );
    release(root);
    const other = await host.root();
    await expect(other.add?.([root])).rejects.toThrow(
      'Cannot pass args[0][0]: a ref that was released',
    );
  });

  it('breaks with what the host says of it, and with its session', async () => {
    const host = open();
    const root = await host.root();
    const told: unknown[] = [];
    onBroken(root, (error) => told.push(error));
    const stop = onBroken(root, () => told.push('never'));
    stop();
    host.frame([{ op: 'broken', refs: [{ ref: 'o-1', code: 'OBJECT_DELETED', message: 'gone' }] }]);
    await expect(root.get?.()).rejects.toMatchObject({ code: 'OBJECT_DELETED' });
    host.session.end(new KernelError('SESSION_EXPIRED', 'x'));
    expect(told).toMatchObject([{ code: 'OBJECT_DELETED' }]);
    const another = open();
    const ref = await another.root();
    another.session.end(new KernelError('SESSION_EXPIRED', 'x'));
    await expect(ref.get?.()).rejects.toMatchObject({ code: 'SESSION_EXPIRED' });
    onBroken(ref, (error) => told.push(error));
    await Promise.resolve();
    expect(told).toMatchObject([{ code: 'OBJECT_DELETED' }, { code: 'SESSION_EXPIRED' }]);
  });
});

describe('a call', () => {
  it('goes to the promise of an earlier one, and after its answer to what that is', async () => {
    const host = open();
    const root = await host.root();
    const reader = root.reader as unknown;
    expect(reader).toBeUndefined();
    const first = call(root, 'reader') as unknown as AnyRef & Promise<unknown>;
    const list = first.list?.('all');
    const ops = host.ops();
    expect(ops).toMatchObject([
      { target: 'o-1', result: 'p+2' },
      { target: 'p+2', methargs: data(['list', ['all']]), result: 'p+3' },
    ]);
    host.settle('p+2', { body: '#"$0"', slots: ['o-2'] }, {}, [named('o-2', ['list'])]);
    host.settle('p+3', data([1]));
    expect(await list).toStrictEqual([1]);
    void first.list?.();
    expect(host.ops()).toMatchObject([{ target: 'o-2' }]);
    expect(first).toBeInstanceOf(Promise);
    expect(first.then).toBe(Promise.prototype.then);
  });

  it('on what is no object, or on a rejection, rejects without asking', async () => {
    const host = open();
    const root = await host.root();
    const one = call(root, 'one') as unknown as AnyRef & Promise<unknown>;
    const bad = call(root, 'bad') as unknown as AnyRef & Promise<unknown>;
    host.ops();
    host.settle('p+2', data(7));
    host.settle('p+3', data({ '#error': 'no', name: 'TypeError' }), { rejected: true });
    await expect(bad).rejects.toThrow(new TypeError('no'));
    expect(await one).toBe(7);
    await expect(one.more?.()).rejects.toMatchObject({ code: 'BAD_PROMISE_RESOLUTION' });
    await expect(bad.more?.()).rejects.toThrow('no');
    expect(host.ops()).toStrictEqual([]);
  });

  it('that is left is answered at once, and its late answer is released', async () => {
    const host = open();
    const root = await host.root();
    const control = new AbortController();
    const view = withOptions(root, { signal: control.signal, timeoutMs: 60_000 });
    const answer = view.get?.();
    host.ops();
    control.abort(new Error('enough'));
    await expect(answer).rejects.toThrow('enough');
    await expect(view.get?.()).rejects.toThrow('enough');
    host.settle('p+2', { body: '#["$0","$1"]', slots: ['o-1', 'o-2'] }, {}, [named('o-2', [])]);
    expect(host.ops()).toStrictEqual([{ op: 'drop', refs: [['o-2', 1]] }]);
    // The ref that the page has meanwhile stays, and gives both mentions back.
    release(root);
    expect(host.ops()).toStrictEqual([{ op: 'drop', refs: [['o-1', 2]] }]);
    const late = withOptions(await host.root(), { timeoutMs: 1 }).get?.();
    await expect(late).rejects.toMatchObject({
      code: 'TIMEOUT',
      retryable: true,
      indeterminate: true,
    });
  });

  it.each([
    ['args[0]: a function (wrap it with expose())', [() => 1]],
    ['args[1].a[0]: a Map (pass an array or a record instead)', [1, { a: [new Map()] }]],
    ['args[0].x: a Date (pass its getTime() instead)', [{ x: new Date() }]],
    [
      'args[0].x: an accessor',
      [Object.defineProperty({}, 'x', { get: () => 1, enumerable: true })],
    ],
    ['args[0]: a Thing instance (wrap it with expose())', [new (class Thing {})()]],
    ['args[0]: an event (call it as () => ref.method())', [new Event('click')]],
    [
      'args[0]: an event (call it as () => ref.method())',
      [{ nativeEvent: 1, preventDefault: () => 1 }],
    ],
    [
      'args[0]: it throws when it is read',
      [
        new Proxy(
          {},
          {
            ownKeys: () => {
              throw Error('no');
            },
          },
        ),
      ],
    ],
    ['args[0]: it throws when it is read', [revoked()]],
    ['args[0]: a symbol that Symbol.for() did not make', [Symbol('own')]],
  ])('refuses %s', async (text, args) => {
    const host = open();
    const root = await host.root();
    await expect(root.add?.(...args)).rejects.toThrow(`Cannot pass ${text}`);
    expect(host.ops()).toStrictEqual([]);
  });

  it('refuses a cycle by its place, and names nothing that a refused value held', async () => {
    const host = open();
    const root = await host.root();
    const cycle: Record<string, unknown> = {};
    cycle.me = [cycle];
    await expect(root.add?.(cycle)).rejects.toThrow('a cycle, it is args[0] again');
    const open1 = new Promise(() => undefined);
    const exposed = expose(() => 1);
    await expect(root.add?.(open1, exposed, new Map())).rejects.toThrow('args[2]: a Map');
    void root.add?.(open1, exposed);
    const [op] = host.ops() as [ClientOp & { op: 'call' }];
    expect(op.methargs.slots).toHaveLength(2);
    void root.add?.(open1, exposed);
    expect(host.ops()).toMatchObject([{ methargs: { slots: op.methargs.slots } }]);
  });
});

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

describe('the page as a callee', () => {
  it('answers calls of what it exposed, until that is revoked or dropped', async () => {
    const host = open();
    const root = await host.root();
    class Tally {
      total = 0;
      add(n: number): number {
        return (this.total += n);
      }
    }
    const tally = new Tally();
    const exposed = expose(tally, 'Tally');
    expect(expose(tally)).toBe(exposed);
    void root.add?.(
      exposed,
      expose((x: number) => x * 2),
    );
    host.ops();
    const ask = (target: string, methargs: unknown, result: string): void =>
      host.frame([{ op: 'call', target, methargs: data(methargs), result }]);
    const answers = async (): Promise<unknown> => {
      await new Promise((resolve) => setTimeout(resolve, 0));
      return host.ops();
    };
    ask('o+2', ['add', [5]], 'p-1');
    ask('o+3', ['#undefined', [21]], 'p-2');
    ask('o+2', ['constructor', []], 'p-3');
    ask('o+2', ['hasOwnProperty', ['total']], 'p-4');
    ask('o+77', ['add', [1]], 'p-5');
    expect(await answers()).toMatchObject([
      { op: 'settle', resolutions: [{ promise: 'p-1', rejected: false, value: data(5) }] },
      { resolutions: [{ promise: 'p-2', value: data(42) }] },
      { resolutions: [{ promise: 'p-3', rejected: true }] },
      { resolutions: [{ promise: 'p-4', rejected: true }] },
      { resolutions: [{ promise: 'p-5', rejected: true }] },
    ]);
    exposed[Symbol.dispose]();
    ask('o+2', ['add', [5]], 'p-6');
    const [gone] = (await answers()) as [ClientOp & { op: 'settle' }];
    expect(gone.resolutions[0]?.value.body).toContain('[KERNEL:OBJECT_REVOKED]');
    expect(tally.total).toBe(5);
    await expect(root.add?.(exposed)).rejects.toThrow(
      'args[0]: an exposed object that was revoked',
    );
    host.frame([{ op: 'drop', refs: [['o+3', 1]] }]);
    ask('o+3', ['#undefined', [21]], 'p-7');
    const [closed] = (await answers()) as [ClientOp & { op: 'settle' }];
    expect(closed.resolutions[0]?.value.body).toContain('[KERNEL:SESSION_CLOSED]');
  });

  it('settles promises that it passed, and knows them when they come back', async () => {
    const host = open();
    const root = await host.root();
    let resolve: (value: unknown) => void = () => undefined;
    const promise = new Promise((settle) => (resolve = settle));
    const echo = root.add?.(promise) as Promise<unknown>;
    expect(host.ops()).toMatchObject([{ methargs: { body: '#["add",["&0"]]', slots: ['p+2'] } }]);
    host.settle('p+3', { body: '#["&0"]', slots: ['p+2'] });
    expect(((await echo) as unknown[])[0]).toBe(promise);
    resolve(7);
    await new Promise((turn) => setTimeout(turn, 0));
    expect(host.ops()).toMatchObject([
      { op: 'settle', resolutions: [{ promise: 'p+2', rejected: false, value: data(7) }] },
    ]);
  });

  it('rejects what it cannot answer with', async () => {
    const host = open();
    const root = await host.root();
    void root.add?.(expose(() => new Map()));
    host.ops();
    host.frame([{ op: 'call', target: 'o+2', methargs: data(['#undefined', []]), result: 'p-1' }]);
    await new Promise((turn) => setTimeout(turn, 0));
    const [op] = host.ops() as [ClientOp & { op: 'settle' }];
    expect(op.resolutions[0]).toMatchObject({ rejected: true });
    expect(op.resolutions[0]?.value.body).toContain('Cannot pass result: a Map');
  });
});

describe('a session', () => {
  it('keeps to the window, and sends again what was not acknowledged', async () => {
    const { session } = open();
    const window = { frames: 4, chars: 1_000 };
    session.welcomed({ ...welcome, window });
    const frames: FrameMessage<ClientOp>[] = [];
    const flush = (again = false): FrameMessage<ClientOp>[] => {
      frames.length = 0;
      session.flush((frame) => frames.push(frame), again);
      return [...frames];
    };
    for (let count = 0; count < 10; count += 1) void session.call('o-9', 'x', ['y'.repeat(400)]);
    const first = flush();
    expect(first.map(({ seq, ops }) => [seq, ops.length])).toStrictEqual([[1, 2]]);
    expect(flush()).toStrictEqual([]);
    session.acked(1);
    expect(flush().map(({ seq }) => seq)).toStrictEqual([2]);
    session.welcomed({ ...welcome, window, resumed: true, received: 1 });
    expect(flush(true).map(({ seq, ops }) => [seq, ops.length])).toStrictEqual([[2, 2]]);
  });

  it('takes a frame once, and none out of its turn', async () => {
    const host = open();
    const root = await host.root();
    const seen: unknown[] = [];
    void root.add?.(expose((x: unknown) => void seen.push(x)));
    host.ops();
    const frame: HostFrameMessage = {
      type: 'frame',
      seq: 2,
      ack: 1,
      acked: 1,
      ops: [{ op: 'call', target: 'o+2', methargs: data(['#undefined', [1]]) }],
      names: [],
    };
    host.session.receive(frame);
    host.session.receive(frame);
    await Promise.resolve();
    expect(seen).toStrictEqual([1]);
    expect(() => host.session.receive({ ...frame, seq: 4 })).toThrow('Frame 4 came after 2');
  });

  it('rejects everything when it ends, and refuses calls then', async () => {
    const host = open();
    const root = await host.root();
    const waiting = root.get?.();
    host.session.end(new KernelError('SESSION_EXPIRED', 'over'));
    await expect(waiting).rejects.toMatchObject({ code: 'SESSION_EXPIRED' });
    await expect(root.get?.()).rejects.toMatchObject({ code: 'SESSION_EXPIRED' });
    expect(host.ops()).toStrictEqual([]);
  });

  it('gives up what the host closed, and names it anew', async () => {
    const host = open();
    const root = await host.root();
    const exposed = expose(() => 1);
    const open1 = new Promise(() => undefined);
    void root.add?.(exposed, open1);
    host.ops();
    host.session.welcomed({ ...welcome, resumed: true, received: 1, closedBelow: 5 });
    void root.add?.(exposed, open1);
    const ops = host.ops();
    expect(ops).toMatchObject([{ methargs: { slots: ['o+5', 'p+6'] } }]);
  });

  it('knows a settled promise by name until the host cannot name it any more', async () => {
    const host = open();
    const root = await host.root();
    const first = root.get?.();
    const second = root.get?.();
    host.ops();
    host.settle('p+2', data(1));
    host.settle('p+3', { body: '#["&0"]', slots: ['p+2'] });
    expect(((await second) as unknown[])[0]).toBe(first);
    host.session.understood(3);
    expect(host.session.isIdle()).toBe(false);
    host.session.acked(9);
    host.session.acked(2);
    expect(host.session.isIdle()).toBe(true);
  });
});
