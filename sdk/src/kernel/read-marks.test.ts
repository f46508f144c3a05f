import { describe, expect, it } from 'vitest';
import { watchesMax } from '../protocol/peer-wire.js';
import { makeChangeSet } from '../store/change-set.js';
import { makeMemoryStore } from '../store/memory-store.js';
import type { CLists } from './clists.js';
import type { KernelEffect } from './events.js';
import { makeReadMarks, markOf } from './read-marks.js';
import { makeKernelRows } from './rows.js';
import { makeWatches } from './watches.js';

describe('watches', () => {
  it('fire once, and their numbers are used again', () => {
    const watches = makeWatches();
    expect(watches.set('r1', ['v1', 'v2'], false)).toBe(1);
    expect(watches.set('r1', ['v2', 'v1'], false)).toBe(1);
    expect(watches.set('r1', ['v2'], false)).toBe(2);
    expect(watches.set('r2', ['v1'], false)).toBe(1);
    watches.changed('v1');
    watches.changed('v1');
    expect(watches.take()).toEqual([
      ['r1', [1]],
      ['r2', [1]],
    ]);
    expect(watches.untold()).toBe(0);
    expect(watches.set('r1', ['v3'], true)).toBe(1);
    expect(watches.take()).toEqual([['r1', [1]]]);
    watches.changed('v2');
    expect(watches.take()).toEqual([['r1', [2]]]);
  });

  it('are so many for each peer, and beyond that one is on more than it need be', () => {
    const watches = makeWatches();
    for (let at = 1; at <= watchesMax; at += 1)
      expect(watches.set('r1', [`v${at}`], false)).toBe(at);
    expect(watches.set('r1', ['w1'], false)).toBe(watchesMax);
    expect(watches.set('r1', ['w2'], false)).toBe(watchesMax);
    watches.changed('w1');
    expect(watches.take()).toEqual([['r1', [watchesMax]]]);
    watches.changed('w2');
    expect(watches.take()).toEqual([]);
    // There is room again.
    expect(watches.set('r1', ['w2'], false)).toBe(watchesMax);
    watches.changed('v7');
    expect(watches.take()).toEqual([['r1', [7]]]);
    expect(watches.set('r1', ['w1'], false)).toBe(7);
  });

  it('end with the link', () => {
    const watches = makeWatches();
    watches.set('r1', ['v1'], false);
    watches.set('r1', ['v2'], true);
    watches.forget('r1');
    watches.changed('v1');
    expect(watches.take()).toEqual([]);
  });
});

describe('the read of a peer', () => {
  const nothing = { prior: [], own: [], writes: [] };

  /** A vat of which two peers and a session have read. */
  function makeRead() {
    const effects: KernelEffect[] = [];
    const rows = makeKernelRows(makeChangeSet(makeMemoryStore()), { promiseBlock: 1 });
    rows.vats.set('v1', {} as never);
    const promise = { state: 'open', decider: 'v1', subs: [], refs: 1 } as const;
    for (const kref of ['kp1', 'kp2', 'kp3', 'kp4']) rows.promises.set(kref, promise);
    rows.clistByVRef.set('v1.p-4', 'kp4');
    const watches = makeWatches();
    const marks = makeReadMarks(rows, {} as CLists, watches, (effect) => effects.push(effect));
    const read = (mark: string, result: Parameters<typeof marks.within>[2] = nothing): void => {
      marks.begin(mark);
      marks.within('v1', { type: 'message', mark }, result, () => {});
    };
    read('kp1');
    marks.answered('kp1');
    for (const [remote, result] of [
      ['r1', 'kp2'],
      ['r2', 'kp3'],
    ] as const) {
      read(markOf(remote, result));
      expect(marks.answeredAt(remote, result)).toBe(1);
    }
    effects.length = 0;
    return { marks, read, watches, effects };
  }

  it('is told to nobody', () => {
    const { read, watches, effects } = makeRead();
    const value = { body: '#1', slots: [] };
    read(markOf('r1', 'kp9'), {
      ...nothing,
      own: [
        { type: 'send', target: 'o-1', methargs: value, result: 'p+9' },
        { type: 'subscribe', vpid: 'p+9' },
        // A promise of its own that nobody knew.
        { type: 'resolve', resolutions: [{ vpid: 'p+8', rejected: false, value }] },
      ],
    });
    expect([watches.take(), effects]).toEqual([[], []]);
  });

  it.each([
    ['writes', { ...nothing, writes: [{ key: 'count', value: '1' }] }],
    [
      'settles what others wait for',
      {
        ...nothing,
        own: [
          {
            type: 'resolve' as const,
            resolutions: [{ vpid: 'p-4', rejected: false, value: { body: '#1', slots: [] } }],
          },
        ],
      },
    ],
  ])('is none when it %s: everybody else is told', (_what, result) => {
    const { read, watches, effects } = makeRead();
    read(markOf('r1', 'kp9'), result);
    expect(watches.take()).toEqual([['r2', [1]]]);
    expect(effects).toEqual([{ type: 'vat-version', vatId: 'v1', version: 1 }]);
  });

  it('that a restart has cut off is answered as out of date', () => {
    const { marks } = makeRead();
    const mark = markOf('r1', 'kp4');
    marks.stamp('kp4', mark);
    expect(marks.answeredAt('r1', 'kp4')).toBe(0);
    expect(marks.answeredAt('r2', 'kp4')).toBeUndefined();
  });

  it('at a peer is believed once for each answer, and is out of date after another link', () => {
    const { marks, effects } = makeRead();
    const touch = (): void => {
      marks.begin('kp5');
      marks.heard('r3', { state: 'open', decider: 'r3', subs: [], refs: 1, mark: 'kp5' }, 7);
      marks.answered('kp5');
    };
    const risen = (version: number): object => ({ type: 'vat-version', vatId: 'r3.7', version });
    touch();
    effects.length = 0;
    marks.changedAt('r3', [7, 7, 8]);
    marks.changedAt('r3', [7]);
    expect(effects).toEqual([risen(1)]);
    touch();
    effects.length = 0;
    marks.relinked('r3');
    expect(effects).toEqual([risen(2)]);
  });
});
