import './lockdown.js';
import { describe, expect, it } from 'vitest';
import { errorOf, makeTestVat } from './test-vat.js';

const all = [
  ...[
    'setTimeout',
    'clearTimeout',
    'setInterval',
    'clearInterval',
    'Date',
    'Math',
    'crypto',
    'SubtleCrypto',
  ],
  ...[
    'TextEncoder',
    'TextDecoder',
    'URL',
    'URLSearchParams',
    'atob',
    'btoa',
    'AbortController',
    'AbortSignal',
  ],
  ...['fetch', 'Request', 'Headers', 'Response'],
];

/** Runs the body of an async method `go` in a vat that was granted these globals. */
async function run(body: string, globals: string[] = all): Promise<unknown> {
  const vat = makeTestVat(`return Far('root', { go: async () => { ${body} } });`, {
    globals,
    allowedHosts: ['api.example'],
  });
  await vat.start();
  const { answer, result } = await vat.message('go');
  let settled = answer;
  while (settled === undefined) {
    await vat.wantsTurn();
    const { prior, own } = await vat.deliver({ type: 'turn' });
    settled = [...prior, ...own]
      .flatMap((call) => (call.type === 'resolve' ? call.resolutions : []))
      .find(({ vpid }) => vpid === result);
  }
  if (settled.rejected) throw Error(errorOf(settled));
  const value: unknown = JSON.parse(settled.value.body.slice(1));
  return vat.logs.length > 0 ? { value, logs: vat.logs.flatMap(({ args }) => args) } : value;
}

describe('endowments', () => {
  it('are granted by name, and only those', async () => {
    expect(
      await run(`return ${JSON.stringify(all)}.filter(name => !(name in globalThis));`),
    ).toEqual([]);
    expect(
      await run(`return [typeof setTimeout, typeof URL, typeof TextEncoder];`, ['URL']),
    ).toEqual(['undefined', 'function', 'undefined']);
  });

  it.each([
    [['process'], 'Vat "v1" requested unknown global "process"'],
    [['constructor'], 'Vat "v1" requested unknown global "constructor"'],
    [['fetch'], 'Vat "v1" requested "fetch" but no network.allowedHosts was specified'],
  ])('%j cannot be granted', async (globals, message) => {
    const vat = makeTestVat(`return Far('root', {});`, { globals });
    expect((await vat.fails()).message).toBe(message);
  });

  it.each(all)('%s leads to nothing that can be changed or was not granted', async (name) => {
    // Walks everything reachable from the endowment; a mutable object or an unknown host object is a way out.
    const found = await run(
      `
      const seen = new Set(), soft = [];
      const walk = (value, path) => {
        if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) return;
        seen.add(value);
        if (!Object.isFrozen(value)) soft.push(path);
        for (const key of Reflect.ownKeys(value)) {
          const { value: inner, get, set } = Object.getOwnPropertyDescriptor(value, key);
          walk(inner, path + '.' + String(key)); walk(get, path + '.get ' + String(key)); walk(set, path + '.set ' + String(key));
        }
        walk(Object.getPrototypeOf(value), path + '.__proto__');
      };
      walk(globalThis[${JSON.stringify(name)}], ${JSON.stringify(name)});
      return soft;`,
      [name],
    );
    expect(found).toEqual([]);
  });

  it.each([
    [
      'a timer',
      `const id = setTimeout(() => {}, 1e6); clearTimeout(id); return typeof id;`,
      'number',
    ],
    [
      'a bad URL',
      `try { new URL('::'); } catch (e) { return [e.constructor === TypeError, Object.keys(e)]; }`,
      [true, []],
    ],
    [
      'bad base64',
      `try { atob('*'); } catch (e) { return [e.constructor === TypeError, e.message]; }`,
      [true, 'The text cannot be decoded from base64'],
    ],
    [
      'bad crypto',
      `try { await crypto.subtle.digest('SHA-7', new Uint8Array(1)); } catch (e) { return [e.constructor === Error, e.name]; }`,
      [true, 'NotSupportedError'],
    ],
    [
      'too many random bytes',
      `try { crypto.getRandomValues(new Uint8Array(70000)); } catch (e) { return [e.constructor === Error, e.name]; }`,
      [true, 'QuotaExceededError'],
    ],
    [
      'a query’s iterator',
      `return Object.getPrototypeOf(new URL('http://a/?b=1').searchParams.entries()) === Object.getPrototypeOf([].values());`,
      true,
    ],
    [
      'an abort event',
      `const c = new AbortController(); let e; c.signal.addEventListener('abort', event => { e = event; }); c.abort(); return [Object.isFrozen(e), Object.keys(e).sort()];`,
      [true, ['currentTarget', 'target', 'type']],
    ],
  ])('%s gives plain data and plain errors', async (_what, body, result) => {
    expect(await run(body)).toEqual(result);
  });
});

describe('timers', () => {
  it('fire late rather than early, with their arguments and without a this', async () => {
    expect(
      await run(`
        const begin = Date.now();
        return new Promise(resolve => setTimeout(function (...args) {
          resolve([this === undefined, Date.now() - begin >= 9, ...args]);
        }, 0, 'a', 2));`),
    ).toEqual([true, true, 'a', 2]);
  });

  it('repeat until they are cleared', async () => {
    expect(
      await run(`
        return new Promise(resolve => {
          let count = 0;
          const id = setInterval(() => { count += 1; if (count === 3) { clearInterval(id); setTimeout(() => resolve(count), 50); } }, 10);
        });`),
    ).toBe(3);
  });

  it('whose callback throws are logged and end nothing', async () => {
    const { value, logs } = (await run(`
      setTimeout(() => { throw Error('in a timer'); }, 10);
      return new Promise(resolve => setTimeout(() => resolve('alive'), 30));`)) as {
      value: unknown;
      logs: unknown[];
    };
    expect(value).toBe('alive');
    expect(logs).toEqual([expect.stringContaining('in a timer')]);
  });

  it('take functions only, and not without end', async () => {
    await expect(run(`setTimeout('alert(1)', 10);`)).rejects.toThrow(
      'A timer needs a function, not a string',
    );
    await expect(
      run(`for (let i = 0; i < 20000; i += 1) setTimeout(() => {}, 1e6);`),
    ).rejects.toThrow('A vat may have 10000 timers');
  });

  it('clear with what is no timer do nothing', async () => {
    expect(
      await run(
        `clearTimeout(); clearTimeout(999); clearInterval({}); clearTimeout('1'); return 'ok';`,
      ),
    ).toBe('ok');
  });
});

describe('the platform’s functions', () => {
  it.each([
    [
      'Date',
      `return [Date.now() > 1e12, new Date(0).toISOString(), typeof new Date().getTime()];`,
      [true, '1970-01-01T00:00:00.000Z', 'number'],
    ],
    ['Math', `const r = Math.random(); return [r >= 0 && r < 1, Math.max(1, 2)];`, [true, 2]],
    ['TextEncoder', `return [...new TextEncoder().encode('é')];`, [0xc3, 0xa9]],
    ['TextDecoder', `return new TextDecoder().decode(new Uint8Array([0xc3, 0xa9]));`, 'é'],
    ['atob', `return [atob('aGk='), btoa('hi')];`, ['hi', 'aGk=']],
    [
      'URL',
      `const u = new URL('/p?a=1#h', 'https://u:p@h.example:8080'); u.searchParams.append('b', '2'); u.pathname = '/q'; return [u.href, u.host, u.origin, String(u), JSON.stringify({ u }), URL.canParse('x'), URL.parse('x'), URL.createObjectURL === undefined];`,
      [
        'https://u:p@h.example:8080/q?a=1&b=2#h',
        'h.example:8080',
        'https://h.example:8080',
        'https://u:p@h.example:8080/q?a=1&b=2#h',
        '{"u":"https://u:p@h.example:8080/q?a=1&b=2#h"}',
        false,
        null,
        true,
      ],
    ],
    [
      'URLSearchParams',
      `const p = new URLSearchParams([['a', 1], ['a', 2]]); p.set('b', 'x y'); const q = new URLSearchParams(p); q.delete('a'); p.sort(); return [p.toString(), p.getAll('a'), p.get('z'), p.has('b'), p.size, [...p], [...q.keys()], String(new URLSearchParams({ k: 'v' })), String(new URLSearchParams('?m=n'))];`,
      [
        'a=1&a=2&b=x+y',
        ['1', '2'],
        null,
        true,
        3,
        [
          ['a', '1'],
          ['a', '2'],
          ['b', 'x y'],
        ],
        ['b'],
        'k=v',
        'm=n',
      ],
    ],
    [
      'AbortController',
      `const c = new AbortController(); const said = []; c.signal.onabort = () => said.push('on'); c.signal.addEventListener('abort', { handleEvent: e => said.push(e.type) }); const gone = () => said.push('gone'); c.signal.addEventListener('abort', gone); c.signal.removeEventListener('abort', gone); c.abort(); c.abort(); let thrown; try { c.signal.throwIfAborted(); } catch (e) { thrown = e.name; } return [said, c.signal.aborted, thrown, c.signal instanceof AbortSignal];`,
      [['on', 'abort'], true, 'AbortError', true],
    ],
    [
      'AbortSignal',
      `const { reason } = AbortSignal.abort('why'); const late = AbortSignal.timeout(10); const any = AbortSignal.any([new AbortController().signal, late]); await new Promise(r => any.addEventListener('abort', r)); let illegal; try { new AbortSignal(); } catch (e) { illegal = e.message; } return [reason, any.aborted, any.reason.name, illegal];`,
      ['why', true, 'TimeoutError', 'Illegal constructor'],
    ],
    [
      'randomUUID',
      `return [crypto.randomUUID().length, crypto.getRandomValues(new Uint8Array(4)).length];`,
      [36, 4],
    ],
    [
      'digest',
      `return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(''))).slice(0, 3).join();`,
      '227,176,196',
    ],
    [
      'signing',
      `
      const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
      const data = new Uint8Array([1, 2, 3]);
      const how = { name: 'ECDSA', hash: { name: 'SHA-256' } };
      const signature = await crypto.subtle.sign(how, pair.privateKey, data);
      const jwk = await crypto.subtle.exportKey('jwk', pair.publicKey);
      const again = await crypto.subtle.importKey('jwk', jwk, pair.publicKey.algorithm, true, ['verify']);
      return [Object.isFrozen(pair.privateKey), pair.privateKey.type, again.algorithm.name, await crypto.subtle.verify(how, again, signature, data), crypto.subtle instanceof SubtleCrypto];`,
      [true, 'private', 'ECDSA', true, true],
    ],
    [
      'deriving',
      `
      const make = () => crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, false, ['deriveBits']);
      const [a, b] = await Promise.all([make(), make()]);
      const bits = async (mine, theirs) => new Uint8Array(await crypto.subtle.deriveBits({ name: 'ECDH', public: theirs.publicKey }, mine.privateKey, 128)).join();
      return await bits(a, b) === await bits(b, a);`,
      true,
    ],
  ])('%s work', async (_name, body, result) => {
    expect(await run(body)).toEqual(result);
  });
});
