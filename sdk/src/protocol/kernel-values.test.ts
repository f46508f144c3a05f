import { describe, expect, test } from 'vitest';
import { isKernelError } from '../errors.js';
import { errorCapData, undefinedCapData } from './capdata.js';
import { krefOf, kser, kserMethargs, kslot, kunser } from './kernel-values.js';

describe('kser and kunser', () => {
  test('carry data and stand-ins, equal when they come back', () => {
    const value = { from: kslot('ko4', 'purse'), to: [kslot('ko4'), kslot('kp40')], amount: 3n };
    const capdata = kser(value);
    expect(capdata).toStrictEqual({
      body: '#{"amount":"+3","from":"$0.Alleged: purse","to":["$0","&1"]}',
      slots: ['ko4', 'kp40'],
    });
    expect(kunser(capdata)).toStrictEqual(value);
    expect(kser(kunser(capdata))).toStrictEqual(capdata);
    expect(kunser(undefinedCapData)).toBe(undefined);
  });

  test('carry what was thrown as an Error', () => {
    expect(kunser(kser(new TypeError('no')))).toStrictEqual(new TypeError('no'));
    const error = kunser(errorCapData('[KERNEL:VAT_TERMINATED] Vat was deleted.'));
    expect(isKernelError(error, 'VAT_TERMINATED')).toBe(true);
    expect((error as Error).message).toBe('[KERNEL:VAT_TERMINATED] Vat was deleted.');
    expect(kunser(kser('a thrown string'))).toBe('a thrown string');
  });

  test('say what they were given instead', () => {
    for (const [given, found] of [
      ['Greeting', '"Greeting"'],
      [undefined, 'undefined'],
      [{ body: '#1' }, 'a record'],
      [['#1'], 'an array'],
    ] as const)
      expect(() => kunser(given as never)).toThrow(
        `kunser takes CapData {body, slots}; found ${found}`,
      );
    expect(() => kunser({ body: '#"$0"', slots: ['o+0'] })).toThrow('Cannot read slot "o+0"');
    expect(() => kunser({ body: '#"$0"', slots: ['kp40'] })).toThrow('Cannot read slot "kp40"');
    expect(() => kunser({ body: '#"&0"', slots: ['ko4'] })).toThrow('Cannot read slot "ko4"');
    expect(() => kunser({ body: '#"$1"', slots: ['ko4'] })).toThrow('unknown reference "$1"');
    expect(() => kser({ f: () => 1 })).toThrow('Cannot pass value.f: a function');
    expect(() => kserMethargs('add', [1, new Map()])).toThrow('Cannot pass args[1]: a Map');
    expect(() => kserMethargs(() => 1, [])).toThrow('Cannot pass method: a function');
    expect(() => kser(Promise.resolve())).toThrow('Cannot pass value: a Promise');
  });
});

describe('a stand-in', () => {
  test('is equal to another of its kref, whatever their interfaces, and to nothing else', () => {
    expect(kslot('ko4')).toStrictEqual(kslot('ko4', 'counter'));
    expect(kslot('ko4')).not.toBe(kslot('ko4'));
    expect(kslot('ko4')).not.toEqual(kslot('ko5'));
    expect(kslot('ko4')).not.toStrictEqual({ kref: 'ko4' });
  });

  test('can be awaited, and not changed', async () => {
    const promise = kslot('kp40');
    expect(await (promise as unknown)).toBe(promise);
    expect(Object.isFrozen(promise)).toBe(true);
    expect(JSON.stringify([promise])).toBe('[{"kref":"kp40"}]');
  });

  test('gives its kref, which nothing else does', () => {
    expect(krefOf(kslot('ko4'))).toBe('ko4');
    expect(krefOf(kunser({ body: '#"$0.Alleged: x"', slots: ['ko7'] }))).toBe('ko7');
    expect(() => krefOf({ kref: 'ko4' })).toThrow(
      'krefOf takes a reference that kslot or kunser gave; found a record',
    );
    expect(() => krefOf('ko4')).toThrow(TypeError);
    expect(() => kslot('o+0')).toThrow('kslot takes a kref like "ko4"; found "o+0"');
  });

  test('has its interface as it stands on the wire', () => {
    expect(kslot('ko4', 'counter').iface).toBe('Alleged: counter');
    expect(kslot('ko4', 'Alleged: counter').iface).toBe('Alleged: counter');
    expect(kslot('ko4', 'Remotable').iface).toBe('Remotable');
    expect(kslot('ko4').iface).toBe(undefined);
    expect(kslot('kp40', 'counter').iface).toBe(undefined);
  });
});
