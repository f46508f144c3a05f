import { describe, expect, it } from 'vitest';
import { describeKVStore } from './kv-store.contract.js';
import { makeMemoryStore } from './memory-store.js';

describeKVStore('memory store', () => {
  let current = makeMemoryStore();
  let broken = false;
  return {
    store: {
      ...current,
      commit(changes, options) {
        if (broken) current.failNextCommit();
        current.commit(changes, options);
      },
    },
    reopen: () => (current = makeMemoryStore(current.snapshot())),
    breakCommits() {
      broken = true;
      return () => {
        broken = false;
      };
    },
  };
});

describe('memory store', () => {
  it('starts from a content, which it copies both ways', () => {
    const content = new Map([['b', '2']]);
    const store = makeMemoryStore(content);
    content.set('c', '3');
    store.commit([['a', '1']]);
    const snapshot = store.snapshot();
    expect(store.scan('')).toEqual([
      ['a', '1'],
      ['b', '2'],
    ]);
    snapshot.clear();
    expect(store.get('a')).toBe('1');
  });

  it('fails the next commit only, without effect', () => {
    const store = makeMemoryStore([['a', '1']]);
    store.failNextCommit();
    expect(() => store.commit([['a', '2']])).toThrow('[KERNEL:STORE_FAILED]');
    expect(store.get('a')).toBe('1');
    store.commit([['a', '2']]);
    expect(store.get('a')).toBe('2');
  });

  it('fails the next commit after it took effect, when told so', () => {
    const store = makeMemoryStore([['a', '1']]);
    store.failNextCommit({ applied: true });
    expect(() => store.commit([['a', '2']])).toThrow('[KERNEL:STORE_FAILED]');
    expect(store.get('a')).toBe('2');
  });
});
