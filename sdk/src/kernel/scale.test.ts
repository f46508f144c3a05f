/** Large numbers of everything: no stack that is too deep, no time that grows with the square. */
import { describe, expect, it } from 'vitest';
import { resolutionKind } from '../protocol/capdata.js';
import type { Resolution, Syscall } from '../protocol/vat-wire.js';
import { makeChangeSet, type ChangeSet } from '../store/change-set.js';
import { makeMemoryStore } from '../store/memory-store.js';
import type { KernelEffect } from './events.js';
import { findBrokenInvariants } from './invariants.js';
import { makeKernelMachine } from './kernel.js';
import { settledPromisesMax } from './settled-promises.js';

type Deliver = KernelEffect & { type: 'deliver' };

const policy = {
  deliveryAttemptsMax: 2,
  failuresMax: 5,
  notifyBatchMax: 100,
  deliveriesPerReap: 10_000,
  queueMax: 1_000_000,
  collectBatch: 64,
  deliveriesAheadMax: 1,
  promiseBlock: 1,
  vatsLiveMax: 100_000,
  reapIdleMs: 1_000,
  sessionFramesMax: 100,
  sessionFrameCharsMax: 1_000_000,
  ocapUrlsMax: 1_000,
  peerFramesMax: 4,
  peerFrameCharsMax: 100_000,
  peerRefsMax: 10_000,
  peerGivenMax: 10_000,
  peerQueueCharsMax: 1_000_000,
  queueCharsMax: 1_000_000,
  chargedMessagesMax: 1_000_000,
  peersMax: 100,
  peerTimeoutMs: 1_000,
  sessionsMax: 100,
  sessionRefsMax: 100_000,
};

/** A kernel whose vats end each crank at once with what `answer` says. */
function setup(vats: number, changes: ChangeSet = makeChangeSet(makeMemoryStore())) {
  const machine = makeKernelMachine(changes, policy);
  let queue: Deliver[] = [];
  const answers: KernelEffect[] = [];
  let ticks = 0;
  const take = (effects: readonly KernelEffect[]): void => {
    for (const effect of effects) {
      if (effect.type === 'deliver') queue.push(effect);
      else if (effect.type === 'stop-vat')
        queue = queue.filter(({ vatId }) => vatId !== effect.vatId);
      else if (effect.type === 'answer') answers.push(effect);
      else if (effect.type === 'tick-wanted') ticks += 1;
    }
  };
  const next = (own: Syscall[] = [], prior: Syscall[] = []): Deliver => {
    const done = queue.shift() as Deliver;
    const { vatId, incarnation, deliveryId } = done;
    const start = done.delivery.type === 'start' && { start: { hasBootstrap: false } };
    const result = { prior, own, writes: [], ...start };
    take(machine.step({ type: 'crank-done', vatId, incarnation, deliveryId, result }));
    return done;
  };
  take(machine.start());
  const names = Array.from({ length: vats }, (_, index) => `n${index}`);
  take(
    machine.step({
      type: 'launch',
      requestId: 1,
      session: 'a1',
      config: {
        bootstrap: 'n0',
        vats: Object.fromEntries(names.map((name) => [name, { bundleSpec: 'data:' }])),
      },
      bundles: Object.fromEntries(names.map((name) => [name, 'hash'])),
      contents: { hash: 'code' },
      bootstrap: false,
    }),
  );
  while (queue.length > 0) next();
  const send = (root: string, ...slots: string[]): void =>
    take(
      machine.step({
        type: 'send',
        requestId: 2,
        session: 'a1',
        target: root,
        methargs: { body: '#["m",[]]', slots },
      }),
    );
  const terminate = (vatId: string): void =>
    take(machine.step({ type: 'terminate-vat', requestId: 3, vatId }));
  /** Returns how many it took. */
  const tickAll = (): number => {
    let count = 0;
    while (ticks > 0) {
      ticks = 0;
      count += 1;
      take(machine.step({ type: 'tick' }));
    }
    return count;
  };
  const { rows } = machine;
  const expectSound = (): void => expect(findBrokenInvariants(rows)).toEqual([]);
  return { rows, queue: () => queue, answers, next, send, terminate, tickAll, expectSound };
}

const methargs = (...slots: string[]) => ({ body: '#["m",[]]', slots });
const data = (...slots: string[]) => ({ body: '#7', slots });
const promise = (vref: string) => ({ body: '#"&0"', slots: [vref] });
const settle = (vpid: string, value: Resolution['value'], rejected = false): Resolution => ({
  vpid,
  rejected,
  value,
});
const upTo = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index + 1));

const many = 50_000;
const some = 20_000;

describe('kernel at scale', { timeout: 60_000 }, () => {
  it('rejects a chain of pipelined messages one after the other', () => {
    const { rows, next, send, expectSound } = setup(2);
    send('ko4', 'ko5');
    const chain = upTo(many, (index): Syscall => ({
      type: 'send',
      target: index === 1 ? 'o-1' : `p+${index - 1}`,
      methargs: methargs(),
      result: `p+${index}`,
    }));
    next([...chain, { type: 'subscribe', vpid: `p+${many}` }]);
    next([{ type: 'resolve', resolutions: [settle('p-1', data(), true)] }]);
    const { delivery } = next();
    expect(delivery).toMatchObject({
      type: 'notify',
      resolutions: [{ vpid: `p+${many}`, rejected: true }],
    });
    expectSound();
    expect(rows.promises.ids().length).toBe(many);
  });

  it('rejects all messages that wait for one promise, whose decider dies', () => {
    const { rows, next, send, terminate, expectSound } = setup(2);
    send('ko4', 'ko5');
    const fan = upTo(many, (index): Syscall => ({
      type: 'send',
      target: 'p+1',
      methargs: methargs(),
      result: `p+${index + 1}`,
    }));
    next([{ type: 'send', target: 'o-1', methargs: methargs('p+1') }, ...fan]);
    next([{ type: 'subscribe', vpid: 'p-1' }]);
    terminate('v1');
    next();
    expectSound();
    expect(rows.promises.ids()).toEqual([]);
  });

  it('lets go of a chain of settled promises link by link', () => {
    const { rows, next, send, tickAll, expectSound } = setup(2);
    send('ko4', 'ko5');
    const links = upTo(some, (index) =>
      settle(`p+${index}`, index === some ? data() : data(`p+${index + 1}`)),
    );
    next([
      { type: 'send', target: 'o-1', methargs: methargs('p+1') },
      { type: 'resolve', resolutions: [settle('p-1', data()), ...links] },
    ]);
    expect(rows.promises.ids().length).toBe(some);
    next([{ type: 'subscribe', vpid: 'p-1' }]);
    next();
    tickAll();
    expectSound();
    expect(rows.promises.ids()).toEqual([]);
  });

  it('follows promises that were resolved to one another for a while only', () => {
    const { rows, next, send, queue, expectSound } = setup(2);
    send('ko4', 'ko5');
    const links = upTo(some, (index) =>
      settle(`p+${index}`, index === some ? data() : promise(`p+${index + 1}`)),
    );
    const kinds = links.map(({ value }) => resolutionKind(value));
    expect(kinds.filter((kind) => kind === 'promise').length).toBe(some - 1);
    next([
      { type: 'send', target: 'p+1', methargs: methargs(), result: `p+${some + 1}` },
      { type: 'subscribe', vpid: `p+${some + 1}` },
      { type: 'resolve', resolutions: links },
      { type: 'resolve', resolutions: [settle('p-1', data())] },
    ]);
    expect(queue()[0]?.delivery).toMatchObject({
      type: 'notify',
      resolutions: [{ rejected: true }],
    });
    next();
    expectSound();
    expect(rows.promises.ids()).toEqual([]);
  });

  it('collects a large ring that nobody holds, and tells it whole to who asks', () => {
    const { rows, next, send, queue, tickAll, expectSound } = setup(2);
    send('ko4', 'ko5');
    const count = 5_000;
    const ring = upTo(count, (index) =>
      settle(`p+${index}`, data(`p+${(index % count) + 1}`, 'o+1')),
    );
    next([
      { type: 'send', target: 'o-1', methargs: methargs('p+7') },
      { type: 'resolve', resolutions: [...ring, settle('p-1', data())] },
    ]);
    expect(rows.promises.ids().length).toBe(count);
    expect(queue()[0]?.delivery).toMatchObject({ type: 'message' });
    next([{ type: 'subscribe', vpid: 'p-1' }]);
    const { delivery } = next([
      { type: 'drop-imports', vrefs: ['o-1'] },
      { type: 'retire-imports', vrefs: ['o-1'] },
    ]);
    expect(delivery.type === 'notify' && delivery.resolutions.length).toBe(count);
    tickAll();
    expect(rows.promises.ids()).toEqual([]);
    expectSound();
  });

  it('does not tell a vat of a ring that is too large to be told', () => {
    const { rows, next, send, queue, expectSound } = setup(2);
    send('ko4', 'ko5');
    const count = settledPromisesMax + 1;
    const ring = upTo(count, (index) => settle(`p+${index}`, data(`p+${(index % count) + 1}`)));
    next([
      { type: 'send', target: 'o-1', methargs: methargs('p+7') },
      { type: 'resolve', resolutions: ring },
    ]);
    next([{ type: 'subscribe', vpid: 'p-1' }]);
    const [delivered] = queue();
    expect(delivered?.delivery).toMatchObject({
      type: 'notify',
      resolutions: [{ vpid: 'p-1', rejected: true, value: { slots: [] } }],
    });
    next();
    expectSound();
    expect(rows.clistByKRef.ids('v2.kp')).toEqual([]);
  });

  it('looks for rings a little in each step, whoever draws a graph for it to get lost in', () => {
    const { rows, next, send, terminate, tickAll, expectSound } = setup(2);
    send('ko4', 'ko5');
    // Each of some rings leads to one long chain, so that each look at a ring reads the chain.
    const count = 1_000;
    const chain = upTo(count, (index) =>
      settle(`p+${index}`, index === count ? data() : data(`p+${index + 1}`)),
    );
    const rings = upTo(count, (index) => `p+${count + index}`);
    next([
      { type: 'send', target: 'o-1', methargs: methargs('p+1', ...rings) },
      {
        type: 'resolve',
        resolutions: [
          settle('p-1', data()),
          ...chain,
          ...rings.map((ring) => settle(ring, data(ring, 'p+1'))),
        ],
      },
    ]);
    terminate('v2');
    expect(rows.promises.ids().length).toBeGreaterThan(count);
    expect(tickAll()).toBeGreaterThan(100);
    expectSound();
    expect(rows.promises.ids()).toEqual([]);
  });

  it('drops and retires many objects in a few deliveries', () => {
    const { rows, next, send, queue, expectSound } = setup(2);
    send('ko4', 'ko5');
    const exported = upTo(some, (index) => `o+${index}`);
    next([{ type: 'send', target: 'o-1', methargs: methargs(...exported) }]);
    const imported = upTo(some, (index) => `o-${index}`);
    next([
      { type: 'drop-imports', vrefs: imported },
      { type: 'retire-imports', vrefs: imported },
    ]);
    expect(next().delivery).toMatchObject({ type: 'drop-exports', vrefs: { length: some } });
    expect(next().delivery).toMatchObject({ type: 'retire-exports', vrefs: { length: some } });
    expect(queue()).toEqual([]);
    expectSound();
    expect(rows.objects.ids().length).toBe(6);
  });

  it('scans no table for a message, a result or garbage, however many vats there are', () => {
    const changes = makeChangeSet(makeMemoryStore());
    let scans: string[] = [];
    const watched: ChangeSet = {
      ...changes,
      keys(prefix, options) {
        scans.push(prefix);
        return changes.keys(prefix, options);
      },
    };
    const { next, send, queue } = setup(200, watched);
    scans = [];
    send('ko4', 'ko5');
    next([
      { type: 'send', target: 'o-1', methargs: methargs('o+1', 'p+2'), result: 'p+3' },
      { type: 'subscribe', vpid: 'p+3' },
      { type: 'resolve', resolutions: [settle('p-1', data()), settle('p+2', data())] },
    ]);
    next([
      { type: 'subscribe', vpid: 'p-1' },
      { type: 'resolve', resolutions: [settle('p-2', data('o-1'))] },
      { type: 'drop-imports', vrefs: ['o-1'] },
      { type: 'retire-imports', vrefs: ['o-1'] },
    ]);
    while (queue().length > 0) next();
    expect(scans).toEqual([]);
  });
});
