import {
  createServer,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { isKernelError } from '../errors.js';
import { limits } from '../limits.js';
import {
  makeHostFetch,
  parseAllowedHosts,
  type HostFetchPowers,
  type HostFetchRequest,
} from './host-fetch.js';

type Received = { method: string; path: string; headers: IncomingHttpHeaders; body: string };

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A server that keeps what it received. On Linux all of 127.0.0.0/8 is here: `address` gives another host. */
async function serverOf(
  answer: RequestListener = (_, response) => void response.end('hello'),
  address = '127.0.0.1',
) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('latin1');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      received.push({ method, path, headers, body });
      answer(request, response);
    });
    request.on('error', () => {});
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const { port } = server.address() as AddressInfo;
  return { host: `${address}:${port}`, origin: `http://${address}:${port}`, received };
}

/** Redirects what is in the table, and answers `landed` to all else. */
const redirects =
  (routes: Record<string, [status: number, location?: string]>): RequestListener =>
  ({ url = '' }, response) => {
    const [status, location] = routes[url] ?? [200];
    response.writeHead(status, location === undefined ? {} : { location });
    response.end(status === 200 ? 'landed' : 'redirecting');
  };

const visible = { fetch: globalThis.fetch, isRedirectVisible: true };
const ask = (
  url: string,
  allowedHosts: string[],
  {
    signal,
    powers,
    ...request
  }: Partial<HostFetchRequest> & {
    signal?: AbortSignal;
    powers?: Partial<HostFetchPowers>;
  } = {},
) =>
  makeHostFetch({ ...visible, ...powers })(
    { url, method: 'GET', headers: [], ...request },
    { allowedHosts, ...(signal && { signal }) },
  );
const failureOf = async (promise: Promise<unknown>): Promise<Error> => {
  const thrown: unknown = await promise.then(
    () => 'no failure',
    (reason: unknown) => reason,
  );
  if (!(thrown instanceof Error)) throw new Error(String(thrown));
  return thrown;
};
const textOf = ({ body }: { body: Uint8Array }) => new TextDecoder().decode(body);

describe('which hosts are allowed', () => {
  const fates = (entry: string, urls: string[]) => {
    const insist = parseAllowedHosts([entry]);
    return urls.filter((url) => {
      try {
        insist(new URL(url));
        return true;
      } catch {
        return false;
      }
    });
  };

  test.each<[entry: string, allowed: string[], refused: string[]]>([
    [
      'api.example.com',
      ['https://api.example.com/', 'http://API.Example.COM:8080/x', 'https://api.example.com:443'],
      [
        'https://example.com',
        'https://x.api.example.com',
        'https://api.example.com.evil.org',
        'https://api.example.com./',
        'https://evil.org/api.example.com',
        'https://evil.org#api.example.com',
      ],
    ],
    ['API.example.com', ['https://api.example.com'], []],
    [
      'example.com:443',
      ['https://example.com', 'https://example.com:443', 'http://example.com:443'],
      ['http://example.com', 'https://example.com:8443', 'https://a.example.com'],
    ],
    ['example.com:80', ['http://example.com'], ['https://example.com']],
    [
      'bücher.example',
      ['https://xn--bcher-kva.example', 'https://BÜCHER.example'],
      ['https://bucher.example'],
    ],
    [
      '127.0.0.1',
      ['http://127.0.0.1:1', 'http://0x7f.1/', 'http://2130706433/'],
      ['http://localhost', 'http://127.0.0.2'],
    ],
    ['[::1]', ['http://[::1]:80', 'http://[0:0::1]/'], ['http://127.0.0.1']],
    ['::1', ['http://[::1]/'], []],
    ['[::1]:8080', ['http://[::1]:8080/'], ['http://[::1]/']],
  ])('%s', (entry, allowed, refused) => {
    expect(fates(entry, [...allowed, ...refused])).toStrictEqual(allowed);
  });

  test.each([
    '',
    ' ',
    'a b',
    '*.example.com',
    '*',
    'https://example.com',
    'example.com/path',
    'example.com\\x',
    'user@example.com',
    'example.com:',
    'example.com:0',
    'example.com:65536',
    'example.com:x',
    '[::1',
    '1.2.3.4.5',
    'a?b',
    'a#b',
    '%00',
  ])('%j is no host', (entry) => {
    expect(() => parseAllowedHosts([entry])).toThrow(TypeError);
    expect(() => parseAllowedHosts([entry])).toThrow(
      /^Invalid allowed host ".*": not a host like "api/,
    );
  });

  test('another host is refused before anything is sent', async () => {
    const { origin, received, host } = await serverOf();
    const fetch = vi.fn(globalThis.fetch);
    for (const allowedHosts of [[], ['example.com'], ['localhost'], ['127.0.0.2']]) {
      const error = await failureOf(
        ask(`${origin}/secret?token=x`, allowedHosts, { powers: { fetch } }),
      );
      expect(String(error)).toBe('Error: Invalid host: 127.0.0.1');
    }
    const error = await failureOf(ask(origin, ['127.0.0.1:1'], { powers: { fetch } }));
    expect(error.message).toBe(`Invalid host: ${host}`);
    expect(fetch).not.toHaveBeenCalled();
    expect(received).toStrictEqual([]);
  });

  test('only http and https', async () => {
    const file = await failureOf(ask('file:///etc/passwd', ['example.com']));
    expect(file.message).toBe(
      'fetch cannot target file:// URLs. Use the fs platform capability (VatConfig.platformConfig.fs) for filesystem access.',
    );
    for (const url of [
      'data:,x',
      'blob:null/x',
      'ftp://example.com',
      'ws://example.com',
      'about:blank',
    ])
      expect((await failureOf(ask(url, ['example.com']))).message).toMatch(
        /^Cannot fetch: the URL is not http: or https:, but \w+:$/,
      );
    for (const url of ['/relative', 'example.com', '', 'http://', 'http://a b/'])
      expect((await failureOf(ask(url, ['example.com']))).message).toBe(
        'Cannot fetch: the URL is not absolute and valid',
      );
    expect((await failureOf(ask('http://u:hunter2@example.com', ['example.com']))).message).toBe(
      'Cannot fetch: the URL has a user name or password',
    );
  });
});

describe('a fetch', () => {
  test('gives status, headers and body', async () => {
    const { origin, host, received } = await serverOf((_, response) => {
      response.writeHead(418, "I'm a teapot", { 'X-Thing': 'a', 'Set-Cookie': ['s=1', 't=2'] });
      response.end(Buffer.from([0, 255, 10]));
    });
    const response = await ask(`${origin}/pot?q=1#part`, [host]);
    expect(response).toMatchObject({
      status: 418,
      statusText: "I'm a teapot",
      url: `${origin}/pot?q=1`,
      redirected: false,
      body: Uint8Array.of(0, 255, 10),
    });
    expect(response.headers).toContainEqual(['x-thing', 'a']);
    expect(JSON.stringify(response.headers)).not.toContain('cookie');
    expect(received).toMatchObject([{ method: 'GET', path: '/pot?q=1', body: '' }]);
    expect(response.body.buffer.byteLength).toBe(3);
  });

  test('sends method, headers and body', async () => {
    const { origin, host, received } = await serverOf();
    await ask(origin, [host], {
      method: 'post',
      headers: [
        ['X-A', ' 1 '],
        ['x-a', '2'],
        ['Authorization', 'Bearer t'],
        ['User-Agent', 'vat'],
      ],
      body: Uint8Array.of(0, 255),
    });
    await ask(origin, [host], { method: 'PUT', body: 'é' });
    await ask(origin, [host], {
      method: 'PATCH',
      body: '{}',
      headers: [['Content-Type', 'application/json']],
    });
    await ask(origin, [host], { method: 'DELETE' });
    expect(received).toMatchObject([
      {
        method: 'POST',
        body: '\0\xff',
        headers: {
          'x-a': '1, 2',
          authorization: 'Bearer t',
          'user-agent': 'vat',
          'content-length': '2',
        },
      },
      { method: 'PUT', body: '\xc3\xa9', headers: { 'content-type': 'text/plain;charset=UTF-8' } },
      { method: 'PATCH', body: '{}', headers: { 'content-type': 'application/json' } },
      { method: 'DELETE', body: '' },
    ]);
    expect(received[0]?.headers['content-type']).toBe(undefined);
  });

  test('gives no body where there is none, and what was compressed', async () => {
    const { origin, host } = await serverOf(({ url, method }, response) => {
      if (url === '/none') response.writeHead(204).end();
      else if (method === 'HEAD') response.writeHead(200, { 'content-length': 1_000 }).end();
      else response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('plain'));
    });
    expect((await ask(`${origin}/none`, [host])).body).toHaveLength(0);
    expect((await ask(origin, [host], { method: 'HEAD' })).body).toHaveLength(0);
    expect(textOf(await ask(origin, [host]))).toBe('plain');
  });

  test('leaves out the headers that browsers forbid', async () => {
    const { origin, host, received } = await serverOf();
    const forbidden = [
      ...['Accept-Charset', 'Accept-Encoding', 'Connection', 'Content-Length', 'Cookie', 'Cookie2'],
      ...['Date', 'DNT', 'Expect', 'Host', 'Keep-Alive', 'Origin', 'Referer', 'Set-Cookie', 'TE'],
      ...[
        'Trailer',
        'Transfer-Encoding',
        'Upgrade',
        'Via',
        'Proxy-Authorization',
        'Sec-Fetch-Site',
      ],
      ...['Access-Control-Request-Method', 'Access-Control-Request-Private-Network'],
    ];
    await ask(origin, [host], {
      headers: [
        ...forbidden.map((name): [string, string] => [name, 'forged']),
        ['X-HTTP-Method-Override', 'PUT, trace'],
        ['X-Method-Override', 'PATCH'],
      ],
    });
    expect(JSON.stringify(received[0]?.headers)).not.toContain('forged');
    expect(received[0]?.headers).toMatchObject({ host, 'x-method-override': 'PATCH' });
    expect(received[0]?.headers).not.toHaveProperty('x-http-method-override');
    for (const name of ['cookie', 'referer', 'origin'])
      expect(received[0]?.headers).not.toHaveProperty(name);
  });

  test.each<[message: RegExp, request: Record<string, unknown>]>([
    [/the URL is a number/, { url: 1 }],
    [/the URL is longer than 65536/, { url: 'http://127.0.0.1/' + 'x'.repeat(70_000) }],
    [/CONNECT is a forbidden method/, { method: 'CONNECT' }],
    [/track is a forbidden method/, { method: 'track' }],
    [/the method is not an HTTP token/, { method: 'GE T' }],
    [/the method is not an HTTP token/, { method: 'GET / HTTP/1.1\r\nX: y' }],
    [/the method is not an HTTP token/, { method: '' }],
    [/the method is not an HTTP token/, { method: undefined }],
    [/the headers are not a list/, { headers: { a: 'b' } }],
    [/a header is not a name and a value/, { headers: [['a']] }],
    [/a header is not a name and a value/, { headers: [['a', 1]] }],
    [/a header is not a name and a value/, { headers: ['ab'] }],
    [/"a b" is not a header's name/, { headers: [['a b', 'c']] }],
    [/"" is not a header's name/, { headers: [['', 'c']] }],
    [/is not a header's name/, { headers: [['a\r\nb', 'c']] }],
    [/the value of header a has a character/, { headers: [['a', 'secret\r\nb: c']] }],
    [/the value of header a has a character/, { headers: [['a', 'secret\0']] }],
    [/the value of header a has a character/, { headers: [['a', 'secret€']] }],
    [/the headers have more than 65536/, { headers: [['a', 'x'.repeat(70_000)]] }],
    [/the headers have more than/, { headers: Array.from({ length: 20_000 }, () => ['a', '']) }],
    [/a GET request has no body/, { body: 'x' }],
    [/a HEAD request has no body/, { method: 'head', body: new Uint8Array() }],
    [/the body is a record/, { method: 'POST', body: { a: 1 } }],
    [/the body is an ArrayBuffer/, { method: 'POST', body: new ArrayBuffer(1) }],
    [/redirect is "follow", "error" or "manual"/, { redirect: 'teleport' }],
  ])('is refused where %s', async (message, request) => {
    const fetch = vi.fn(globalThis.fetch);
    const error = await failureOf(
      ask('http://127.0.0.1/', ['127.0.0.1'], { ...request, powers: { fetch } }),
    );
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('secret');
    expect(error.message.length).toBeLessThan(200);
    expect(fetch).not.toHaveBeenCalled();
  });

  test('trims values as the standard says, without taking long', async () => {
    const { origin, host, received } = await serverOf();
    const spaces = ' '.repeat(7_000);
    await ask(origin, [host], {
      headers: [
        ['a', `\r\n\t b${spaces}c \n`],
        ['d', spaces],
      ],
    });
    expect(received[0]?.headers).toMatchObject({ a: `b${spaces}c`, d: '' });
    const from = performance.now();
    await failureOf(
      ask('http://a.test', ['a.test'], {
        method: 'GET',
        headers: [['a', `${' '.repeat(65_000)}\0`]],
      }),
    );
    expect(performance.now() - from).toBeLessThan(500);
  });

  test('tells no more of a network that fails than its code', async () => {
    const error = await failureOf(ask('http://127.0.0.1:9/secret?token=x', ['127.0.0.1']));
    expect(String(error)).toMatch(
      /^TypeError: Cannot fetch from 127\.0\.0\.1:9: (?:ECONNREFUSED|the network failed)$/,
    );
    const { origin, host } = await serverOf(({ socket }) => void socket.destroy());
    expect((await failureOf(ask(origin, [host]))).message).toBe(
      `Cannot fetch from ${host}: UND_ERR_SOCKET`,
    );
    const cut = await serverOf((_, response) => {
      response.writeHead(200, { 'content-length': 10 });
      response.write('12345', () => response.destroy());
    });
    expect((await failureOf(ask(cut.origin, [cut.host]))).message).toBe(
      `Cannot fetch from ${cut.host}: UND_ERR_SOCKET`,
    );
  });
});

describe('a redirect', () => {
  test('is followed through a chain of allowed hosts', async () => {
    const last = await serverOf();
    const first = await serverOf(
      redirects({
        '/a/one': [302, '../two'],
        '/two': [307, `/three?x=${Buffer.from('é').toString('latin1')}`],
        '/three?x=%C3%A9': [301, `${last.origin}/é#f`],
      }),
    );
    const response = await ask(`${first.origin}/a/one`, [first.host, last.host]);
    expect(response).toMatchObject({ status: 200, url: `${last.origin}/%C3%A9`, redirected: true });
    expect(textOf(response)).toBe('hello');
    expect(first.received.map(({ path }) => path)).toStrictEqual([
      '/a/one',
      '/two',
      '/three?x=%C3%A9',
    ]);
    expect(last.received).toHaveLength(1);
  });

  test('to a host that is not allowed is not followed, wherever in the chain', async () => {
    const forbidden = await serverOf(undefined, '127.0.0.2');
    const { origin, host, received } = await serverOf(
      redirects({ '/one': [302, '/two'], '/two': [308, `${forbidden.origin}/secret`] }),
    );
    for (const path of ['/one', '/two'])
      expect(String(await failureOf(ask(origin + path, [host])))).toBe(
        'Error: Invalid host: 127.0.0.2',
      );
    expect(forbidden.received).toStrictEqual([]);
    expect(received).toHaveLength(3);
    // A protocol-relative one is an absolute one.
    const relative = await serverOf(redirects({ '/': [302, `//${forbidden.host}/`] }));
    expect((await failureOf(ask(relative.origin, [relative.host]))).message).toContain(
      'Invalid host: 127.0.0.2',
    );
    // Another port of the same name, where only one is allowed.
    const port = await serverOf(redirects({ '/': [302, origin] }));
    expect((await failureOf(ask(port.origin, [port.host]))).message).toBe(`Invalid host: ${host}`);
  });

  test.each([
    ['file:///etc/passwd', /^fetch cannot target file:\/\/ URLs/],
    ['data:,x', /the URL that it redirects to is not http: or https:, but data:/],
    ['javascript:alert(1)', /is not http: or https:/],
    ['http://user:hunter2@127.0.0.1/', /the URL that it redirects to has a user name or password/],
    ['http://', /the URL that it redirects to is not absolute and valid/],
  ])('to %s is not followed', async (location, message) => {
    const { origin, host } = await serverOf(redirects({ '/': [302, location] }));
    const error = await failureOf(ask(origin, [host, '127.0.0.1']));
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('hunter2');
  });

  test('that loops ends after 20', async () => {
    const { origin, host, received } = await serverOf(redirects({ '/': [302, '/'] }));
    expect((await failureOf(ask(origin, [host]))).message).toBe(
      `Cannot fetch from ${host}: exceeded 20 redirects`,
    );
    expect(received).toHaveLength(21);
    const routes = Object.fromEntries(
      Array.from({ length: 20 }, (_, hop): [string, [number, string]] => [
        `/${hop}`,
        [302, `/${hop + 1}`],
      ]),
    );
    const chain = await serverOf(redirects(routes));
    expect(await ask(`${chain.origin}/0`, [chain.host])).toMatchObject({
      status: 200,
      url: `${chain.origin}/20`,
    });
  });

  test.each<[status: number, method: string, then: string]>([
    [301, 'POST', 'GET'],
    [302, 'POST', 'GET'],
    [303, 'POST', 'GET'],
    [307, 'POST', 'POST'],
    [308, 'POST', 'POST'],
    [301, 'PUT', 'PUT'],
    [302, 'DELETE', 'DELETE'],
    [303, 'PUT', 'GET'],
    [303, 'HEAD', 'HEAD'],
    [302, 'HEAD', 'HEAD'],
    [307, 'PATCH', 'PATCH'],
  ])('%i makes %s into %s', async (status, method, then) => {
    const { origin, host, received } = await serverOf(redirects({ '/': [status, '/next'] }));
    await ask(origin, [host], {
      method,
      headers: [
        ['Content-Type', 'text/x'],
        ['content-language', 'en'],
        ['X-Kept', '1'],
        ['Authorization', 'kept'],
      ],
      ...(method !== 'HEAD' && { body: 'body' }),
    });
    const isDropped = then !== method;
    expect(received[1]).toMatchObject({
      method: then,
      path: '/next',
      body: isDropped || method === 'HEAD' ? '' : 'body',
      headers: { 'x-kept': '1', authorization: 'kept' },
    });
    expect('content-type' in (received[1]?.headers ?? {})).toBe(!isDropped);
    expect('content-language' in (received[1]?.headers ?? {})).toBe(!isDropped);
  });

  test('to another origin takes no authorization along, nor back', async () => {
    const home = await serverOf((request, response) =>
      redirects({ '/': [307, away] })(request, response),
    );
    const other = await serverOf(redirects({ '/': [307, `${home.origin}/back`] }));
    const away = `${other.origin}/`;
    await ask(home.origin, [home.host, other.host], {
      method: 'POST',
      body: 'x',
      headers: [
        ['Authorization', 'secret'],
        ['X-Kept', '1'],
      ],
    });
    expect(home.received.map(({ headers }) => headers.authorization)).toStrictEqual([
      'secret',
      undefined,
    ]);
    expect(other.received).toMatchObject([{ body: 'x', headers: { 'x-kept': '1' } }]);
    expect(other.received[0]?.headers.authorization).toBe(undefined);
  });

  test('without a location, and other statuses with one, are responses', async () => {
    const { origin, host } = await serverOf(
      redirects({ '/none': [302], '/300': [300, '/x'], '/201': [201, '/x'], '/304': [304, '/x'] }),
    );
    for (const [path, status] of [
      ['/none', 302],
      ['/300', 300],
      ['/201', 201],
      ['/304', 304],
    ] as const)
      expect(await ask(origin + path, [host])).toMatchObject({ status, redirected: false });
  });

  test('is given or refused where the vat asks for that', async () => {
    const { origin, host, received } = await serverOf(
      redirects({ '/': [302, 'http://forbidden.test/'] }),
    );
    const response = await ask(origin, [host], { redirect: 'manual' });
    expect(response).toMatchObject({ status: 302, redirected: false });
    expect(response.headers).toContainEqual(['location', 'http://forbidden.test/']);
    expect((await failureOf(ask(origin, [host], { redirect: 'error' }))).message).toBe(
      `Cannot fetch from ${host}: it redirects, and redirect: 'error' was requested`,
    );
    expect(received).toHaveLength(2);
  });

  test('that the platform hides is refused', async () => {
    // What browsers give for `redirect: 'manual'`.
    const hidden = {
      type: 'opaqueredirect',
      status: 0,
      redirected: false,
      body: null,
      headers: new Headers(),
    };
    const fetch = vi.fn(async () => hidden as Response);
    const powers = { fetch, isRedirectVisible: false };
    for (const redirect of ['follow', 'manual'] as const) {
      const error = await failureOf(ask('http://a.test/x', ['a.test'], { powers, redirect }));
      expect(isKernelError(error, 'FETCH_REDIRECT_REFUSED')).toBe(true);
      expect(error.message).toBe(
        '[KERNEL:FETCH_REDIRECT_REFUSED] Cannot fetch from a.test: it redirects, and this platform does not show where to',
      );
    }
    expect(
      (await failureOf(ask('http://a.test/x', ['a.test'], { powers, redirect: 'error' }))).message,
    ).toContain("redirect: 'error' was requested");
    expect(fetch).toHaveBeenCalledWith(
      'http://a.test/x',
      expect.objectContaining({ redirect: 'manual', credentials: 'omit' }),
    );
    // And one that was followed in spite of that.
    const followed = vi.fn(
      async () => ({ ...hidden, type: 'basic', status: 200, redirected: true }) as Response,
    );
    const error = await failureOf(
      ask('http://a.test', ['a.test'], { powers: { fetch: followed } }),
    );
    expect(isKernelError(error, 'FETCH_REDIRECT_REFUSED')).toBe(true);
  });

  test('leaves no connection that waits for its body to be read', async () => {
    const big = Buffer.alloc(4_000_000);
    const { origin, host } = await serverOf(({ url }, response) => {
      response.writeHead(url === '/' ? 302 : 200, { location: '/next' });
      response.end(url === '/' ? big : 'landed');
    });
    for (let count = 0; count < 20; count += 1)
      expect(textOf(await ask(origin, [host]))).toBe('landed');
  });
});

describe('the bounds of a fetch', () => {
  test('hold for a response, by what comes and not by what it says', async () => {
    const { origin, host } = await serverOf(({ url }, response) => {
      if (url === '/exact') response.end(Buffer.alloc(1_000));
      else if (url === '/over') response.end(Buffer.alloc(1_001));
      else if (url === '/bomb')
        response
          .writeHead(200, { 'content-encoding': 'gzip' })
          .end(gzipSync(Buffer.alloc(50_000_000)));
      else {
        const send = () => {
          while (response.write(Buffer.alloc(10_000)));
        };
        response.on('drain', send);
        send();
      }
    });
    const powers = { bodyBytesMax: 1_000 };
    expect((await ask(`${origin}/exact`, [host], { powers })).body).toHaveLength(1_000);
    for (const path of ['/over', '/bomb', '/endless'])
      expect((await failureOf(ask(origin + path, [host], { powers }))).message).toBe(
        `Cannot fetch from ${host}: the body has more than 1000 bytes`,
      );
  });

  test('take a body of the greatest size both ways', async () => {
    const { origin, host, received } = await serverOf(
      (_, response) => void response.end(Buffer.alloc(limits.fetchBodyBytesMax, 7)),
    );
    const body = new Uint8Array(limits.fetchBodyBytesMax).fill(65);
    const response = await ask(origin, [host], { method: 'POST', body });
    expect(response.body).toHaveLength(limits.fetchBodyBytesMax);
    expect(response.body.every((byte) => byte === 7)).toBe(true);
    expect(received[0]?.body).toHaveLength(limits.fetchBodyBytesMax);
  });

  test('hold for a request', async () => {
    const powers = { bodyBytesMax: 10 };
    for (const body of ['x'.repeat(11), 'é'.repeat(6), new Uint8Array(11)])
      expect(
        (await failureOf(ask('http://a.test', ['a.test'], { method: 'POST', body, powers })))
          .message,
      ).toBe('Cannot fetch: the body has more than 10 bytes');
  });

  test('keep its time, over slow heads, slow bodies and slow redirects', async () => {
    const { origin, host } = await serverOf(({ url }, response) => {
      if (url === '/never') return;
      if (url === '/loop') {
        setTimeout(() => response.writeHead(302, { location: '/loop' }).end(), 40);
        return;
      }
      response.write('x');
      const drip = setInterval(() => response.write('x'), 10);
      response.on('close', () => clearInterval(drip));
    });
    for (const path of ['/never', '/drip', '/loop']) {
      const from = performance.now();
      const error = await failureOf(ask(origin + path, [host], { powers: { timeoutMs: 150 } }));
      expect(error).toMatchObject({
        name: 'TimeoutError',
        message: `Cannot fetch from ${host}: no whole answer after 150 ms`,
      });
      expect(performance.now() - from).toBeLessThan(5_000);
    }
  });

  test('end with the signal, whenever it is aborted', async () => {
    const { origin, host, received } = await serverOf((_, response) => void response.write('x'));
    const reason = new Error('the vat is gone');
    const gone = AbortSignal.abort(reason);
    expect(await failureOf(ask(origin, [host], { signal: gone }))).toBe(reason);
    expect(received).toStrictEqual([]);
    const controller = new AbortController();
    const removed = vi.spyOn(controller.signal, 'removeEventListener');
    const failure = failureOf(ask(origin, [host], { signal: controller.signal }));
    await vi.waitFor(() => expect(received).toHaveLength(1));
    await sleep(20);
    controller.abort(reason);
    expect(await failure).toBe(reason);
    expect(removed).toHaveBeenCalledOnce();
  });
});
