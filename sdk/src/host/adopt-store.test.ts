import { describe, expect, it } from 'vitest';
import { findBrokenInvariants } from '../kernel/invariants.js';
import { makeKernelMachine } from '../kernel/kernel.js';
import { limits } from '../limits.js';
import { makeChangeSet } from '../store/change-set.js';
import { makeMemoryStore } from '../store/memory-store.js';
import { adoptStore, countOn } from './adopt-store.js';

function storeWithSession() {
  const store = makeMemoryStore();
  const changes = makeChangeSet(store);
  const machine = makeKernelMachine(changes, limits);
  machine.start();
  machine.step({ type: 'identify-store', id: 'old', secret: 's' });
  machine.step({ type: 'session-open', requestId: 1, secretHash: 'h', privileged: true });
  changes.commit();
  return store.scan('');
}

describe('a store that is imported', () => {
  it('keeps its rows, but not its name and its sessions', () => {
    const rows = storeWithSession();
    expect(rows.some(([key]) => key.startsWith('k.'))).toBe(true);
    const adopted = adoptStore(rows);
    expect(adopted.filter(([key]) => key.startsWith('k.') || key === 'a.store')).toStrictEqual([]);
    expect(adopted.some(([key]) => key.startsWith('e.kernelFacet'))).toBe(true);
    const machine = makeKernelMachine(makeChangeSet(makeMemoryStore(adopted)), limits);
    expect(findBrokenInvariants(machine.rows)).toStrictEqual([]);
  });

  it('names nothing with an id that the store before it had used', () => {
    const rows: [string, string][] = [
      ['n.object', '7'],
      ['n.promise', '104'],
      ['v.v1', '{}'],
    ];
    const replaced: [string, string][] = [
      ['n.object', '12'],
      ['n.promise', '40'],
      ['n.vat', '3'],
      ['v.v2', '{}'],
    ];
    expect(Object.fromEntries(countOn(rows, replaced))).toStrictEqual({
      'n.object': '12',
      'n.promise': '104',
      'n.vat': '3',
      'v.v1': '{}',
    });
  });

  it.each([
    ['text that is no JSON', [['v.v1', '{']]],
    ['a row that leads nowhere', [['c.v1.ko9', '{"vref":"o-1","reachable":true}']]],
  ] as [string, [string, string][]][])('is refused with %s', (_what, more) => {
    expect(() => adoptStore([...storeWithSession(), ...more])).toThrow('no sound store');
  });
});
