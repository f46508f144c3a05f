import './lockdown.js';
import { describe, expect, it } from 'vitest';
import type { FetchResponse, HostAnswer } from '../protocol/vat-wire.js';
import { errorOf, makeTestVat } from './test-vat.js';
import { limits } from '../limits.js';

const globals = ['fetch', 'Request', 'Headers', 'Response', 'AbortController', 'URLSearchParams'];

const start = async (body: string) => {
  const vat = makeTestVat(
    `return makeDefaultExo('root', { go: async (...args) => { ${body} }, ping: () => 'pong' });`,
    { globals: [...globals, 'URL'], allowedHosts: ['api.example'] },
  );
  await vat.start();
  const { answer, result } = await vat.message('go');
  const settled = async () => {
    let found = answer;
    while (found === undefined) {
      const { prior, own } = await vat.deliver({ type: 'turn' });
      found = [...prior, ...own]
        .flatMap((call) => (call.type === 'resolve' ? call.resolutions : []))
        .find(({ vpid }) => vpid === result);
      if (found === undefined) await vat.wantsTurn();
    }
    return found.rejected ? errorOf(found) : JSON.parse(found.value.body.slice(1));
  };
  return { ...vat, settled };
};

const ok = (fields: Partial<FetchResponse> = {}): HostAnswer => ({
  ok: true,
  value: {
    status: 200,
    statusText: 'OK',
    url: 'https://api.example/x',
    headers: [['content-type', 'application/json']],
    body: new TextEncoder().encode('{"a":[1]}'),
    ...fields,
  },
});

describe('fetch', () => {
  it('asks the host, and goes on between cranks', async () => {
    const vat = await start(`
      const response = await fetch('https://API.example/x?q=1', {
        method: 'post', headers: { Accept: 'text/plain', 'X-A': ' b ' }, body: new URLSearchParams({ k: 'v w' }),
      });
      return [response.ok, response.status, response.url, response.type, response.headers.get('Content-Type'),
        await response.json(), response.bodyUsed, response instanceof Response];`);
    expect(vat.asks).toEqual([
      {
        type: 'ask',
        id: 1,
        op: 'fetch',
        request: {
          url: 'https://api.example/x?q=1',
          method: 'POST',
          headers: [
            ['accept', 'text/plain'],
            ['content-type', 'application/x-www-form-urlencoded;charset=UTF-8'],
            ['x-a', 'b'],
          ],
          body: new TextEncoder().encode('k=v+w'),
        },
      },
    ]);
    const wanted = vat.wantsTurn();
    vat.reply(1, ok());
    await wanted;
    expect(await vat.settled()).toEqual([
      ...[true, 200, 'https://api.example/x', 'basic', 'application/json'],
      ...[{ a: [1] }, true, true],
    ]);
    expect(vat.sizes().promises).toBe(0);
  });

  it.each([
    [{ name: 'TypeError', message: 'fetch failed' }, 'TypeError: fetch failed'],
    [{ name: 'Error', message: 'Invalid host: evil.example' }, 'Error: Invalid host: evil.example'],
    [
      { name: 'KernelError', message: '[KERNEL:FETCH_REDIRECT_REFUSED] no' },
      'Error: [KERNEL:FETCH_REDIRECT_REFUSED] no',
    ],
    [{ name: 'TimeoutError', message: 'late' }, 'TimeoutError: late'],
  ])('rejects with the host’s %j', async (error, text) => {
    const vat = await start(`
      try { await fetch('https://evil.example'); } catch (error) {
        return error.name + ': ' + error.message;
      }`);
    vat.reply(1, { ok: false, error });
    expect(await vat.settled()).toBe(text);
  });

  it('is cancelled by its signal, and hears no more', async () => {
    const vat = await start(`
      const controller = new AbortController();
      const asked = fetch('https://api.example', { signal: controller.signal });
      await null;
      controller.abort(Error('enough'));
      try { await asked; } catch (error) { 
        try { await fetch('https://api.example', { signal: controller.signal }); } catch (again) {
          return [error.message, again.message];
        }
      }`);
    expect(await vat.settled()).toEqual(['enough', 'enough']);
    expect(vat.cancelled).toEqual([1]);
    expect(vat.asks).toHaveLength(1);
    vat.reply(1, ok());
    vat.reply(99, ok());
    expect((await vat.message('ping')).answer?.rejected).toBe(false);
  });

  it('may be under way a bounded number of times', async () => {
    const vat = await start(`
      const all = Array.from({ length: ${limits.vatAsksMax + 1} }, () => fetch('https://api.example'));
      return all.at(-1);`);
    expect(await vat.settled()).toBe('A vat may have 64 requests under way');
    expect(vat.asks).toHaveLength(limits.vatAsksMax);
  });

  it('that is cancelled has its place until the host is done with it', async () => {
    const vat = await start(`
      for (let n = 0; n < ${limits.vatAsksMax}; n += 1) {
        const controller = new AbortController();
        fetch('https://api.example', { signal: controller.signal }).catch(() => {});
        await null;
        controller.abort(Error('enough'));
      }
      try { await fetch('https://api.example'); } catch (error) { return error.message; }`);
    expect(await vat.settled()).toBe('A vat may have 64 requests under way');
    expect(vat.asks).toHaveLength(limits.vatAsksMax);
    expect(vat.cancelled).toHaveLength(limits.vatAsksMax);
    vat.reply(1, ok());
    await vat.message('go');
    expect(vat.asks).toHaveLength(limits.vatAsksMax + 1);
  });

  it.each([
    ['/relative', 'Failed to parse URL from /relative'],
    ['https://me:secret@api.example', 'credentials'],
    ["https://api.example', { method: 'a b' }, '", 'is not a valid HTTP method'],
    ["https://api.example', { method: 'TRACE' }, '", 'is not a valid HTTP method'],
    ["https://api.example', { body: 'x' }, '", 'cannot have body'],
    ["https://api.example', { headers: { 'a b': '1' } }, '", 'Invalid header name: "a b"'],
    ["https://api.example', { headers: { a: '1\\n2' } }, '", 'Invalid header value'],
    ["https://api.example', { redirect: 'sometimes' }, '", 'Unknown redirect mode'],
    ["https://api.example', { signal: 5 }, '", 'signal must be'],
    ["https://api.example/' + 'x'.repeat(1e6) + '", 'URL and headers have at most'],
  ])('of %s is refused', async (url, message) => {
    const vat = await start(`await fetch('${url}');`);
    expect(await vat.settled()).toContain(message);
    expect(vat.asks).toEqual([]);
  });

  it('takes a Request and a URL', async () => {
    const vat = await start(`
      const request = new Request('https://api.example/a', { method: 'PUT', body: new Uint8Array([1, 2]), redirect: 'error' });
      const copy = request.clone();
      await Promise.race([fetch(request), fetch(new URL('https://api.example/b')), Promise.resolve()]);
      let again;
      try { await fetch(request); } catch (error) { again = error.message; }
      return [request.bodyUsed, copy.bodyUsed, [...await copy.bytes()], again];`);
    expect(vat.asks.map(({ request }) => request)).toEqual([
      {
        url: 'https://api.example/a',
        method: 'PUT',
        headers: [],
        body: Uint8Array.of(1, 2),
        redirect: 'error',
      },
      { url: 'https://api.example/b', method: 'GET', headers: [] },
    ]);
    expect(await vat.settled()).toEqual([
      ...[true, false, [1, 2]],
      'Body is unusable: Body has already been read',
    ]);
  });
});

describe('Headers and Response', () => {
  it('are as the web knows them', async () => {
    const vat = await start(`
      const headers = new Headers([['B', '2'], ['a', '1']]);
      headers.append('b', '3');
      headers.set('C', '4');
      headers.delete('a');
      const made = new Response('text', { status: 201, headers });
      const copy = made.clone();
      const refused = [];
      for (const make of [() => new Response('x', { status: 204 }), () => new Response('', { status: 99 }), () => Response.redirect('x')]) {
        try { make(); } catch (error) { refused.push(error.name); }
      }
      const json = Response.json({ a: 1 });
      return [[...headers], headers.get('b'), headers.get('none'), headers.has('A'), [...headers.keys()],
        made.status, made.ok, made.type, await made.text(), made.bodyUsed, copy.bodyUsed, await copy.text(),
        json.headers.get('content-type'), await json.json(), refused, String(made), String(headers),
        Response.error().type, (await new Response().arrayBuffer()).byteLength, Response.redirect('https://a.example').status];`);
    expect(await vat.settled()).toEqual([
      [
        ['b', '2, 3'],
        ['c', '4'],
      ],
      ...['2, 3', null, false, ['b', 'c'], 201, true, 'default', 'text', true, false, 'text'],
      ...['application/json', { a: 1 }, ['TypeError', 'RangeError', 'TypeError']],
      ...['[object Response]', '[object Headers]', 'error', 0, 302],
    ]);
  });

  it('of the host are immutable, and work hardened', async () => {
    const vat = await start(`
      const response = harden(await fetch('https://api.example'));
      let refused;
      try { response.headers.set('a', 'b'); } catch (error) { refused = error.message; }
      return [refused, await response.text(), response.bodyUsed];`);
    vat.reply(1, ok({ body: new TextEncoder().encode('plain') }));
    expect(await vat.settled()).toEqual(['These headers are immutable', 'plain', true]);
  });
});
