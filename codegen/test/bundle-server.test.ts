import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { startBundleServer, type BundleServer } from '../src/serve/bundle-server.js';
import { makeFixture } from './fixture.js';

let server: BundleServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function serve() {
  const at = makeFixture({
    'secret.bundle': 'secret',
    'vats-next/secret.bundle': 'secret',
    'vats/a.bundle': '{"moduleFormat":"vatkit"}',
    'vats/with space.bundle': 'space',
    'vats/below/b.bundle': 'below',
    'vats/a.js': 'secret',
    'vats/.hidden.bundle': 'secret',
    'vats/.git/c.bundle': 'secret',
    'vats/folder.bundle/x': 'secret',
  });
  symlinkSync(at('secret.bundle'), at('vats/link.bundle'));
  symlinkSync(at('vats-next'), at('vats/linked'));
  symlinkSync(at('vats/a.js'), at('vats/js.bundle'));
  symlinkSync(at('vats/a.bundle'), at('vats/inner.bundle'));
  symlinkSync(at('vats/nowhere'), at('vats/broken.bundle'));
  server = await startBundleServer({ dir: at('vats'), port: 0 });
  return { at, url: server.url };
}

type Answer = { status: number; headers: Record<string, unknown>; body: string };

/** Sends the path as it is: `fetch` would resolve its dots. */
const send = (
  url: string,
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
) =>
  new Promise<Answer>((resolve, reject) => {
    const { hostname, port } = new URL(url);
    request({ hostname, port, path, agent: false, ...options }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    })
      .on('error', reject)
      .end();
  });

describe('startBundleServer', () => {
  it('serves bundles to every origin, to be asked for again each time', async () => {
    const { url } = await serve();
    const { status, headers, body } = await send(url, '/a.bundle?v=1');
    expect([status, body]).toStrictEqual([200, '{"moduleFormat":"vatkit"}']);
    expect(headers).toMatchObject({
      'access-control-allow-origin': '*',
      'cache-control': 'no-cache',
      'content-type': 'application/json; charset=utf-8',
      'content-length': '25',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'cross-origin',
    });
  });

  it.each(['/below/b.bundle', '/with%20space.bundle', '/inner.bundle', '/%61.bundle'])(
    'serves %s',
    async (path) => {
      const { url } = await serve();
      expect((await send(url, path)).status).toBe(200);
    },
  );

  it.each([
    '/',
    '/a.js',
    '/nope.bundle',
    '/a.bundle/',
    '/folder.bundle',
    '/.hidden.bundle',
    '/.git/c.bundle',
    '/link.bundle',
    '/linked/secret.bundle',
    '/js.bundle',
    '/broken.bundle',
    '/../secret.bundle',
    '/..%2fsecret.bundle',
    '/%2e%2e/secret.bundle',
    '/%2e%2e%2fsecret.bundle',
    '/below/../../secret.bundle',
    '/below/%2e%2e/%2e%2e/secret.bundle',
    '/..\\secret.bundle',
    '/..%5csecret.bundle',
    '/%252e%252e/secret.bundle',
    '/../vats-next/secret.bundle',
    '//secret.bundle',
    '/./a.bundle',
    '//etc/passwd',
    '/a.js%00.bundle',
    '/a.bundle%00',
    '/%',
    '/%c0%ae%c0%ae/secret.bundle',
    '/C:/a.bundle',
    '/file:/a.bundle',
  ])('%s is not there', async (path) => {
    const { url } = await serve();
    expect(await send(url, path)).toMatchObject({ status: 404, body: 'No such bundle\n' });
  });

  it('resolves dots no more when the request names the whole address', async () => {
    const { url } = await serve();
    expect((await send(url, `${url}/a.bundle`)).status).toBe(200);
    expect((await send(url, `${url}/../secret.bundle`)).status).toBe(404);
    expect((await send(url, `${url}?/a.bundle`)).status).toBe(404);
  });

  it('answers HEAD without a body and no other method', async () => {
    const { url } = await serve();
    const head = await send(url, '/a.bundle', { method: 'HEAD' });
    expect([head.status, head.headers['content-length'], head.body]).toStrictEqual([200, '25', '']);
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const { status, headers } = await send(url, '/a.bundle', { method });
      expect([status, headers.allow]).toStrictEqual([405, 'GET, HEAD']);
    }
  });

  it('tells by its tag whether a bundle has changed', async () => {
    const { at, url } = await serve();
    const etag = (await send(url, '/a.bundle')).headers.etag as string;
    const ask = (tag: string) =>
      send(url, '/a.bundle', { headers: { 'if-none-match': tag } }).then(({ status }) => status);
    expect(await ask(etag)).toBe(304);
    expect(await ask(`"other", W/${etag}`)).toBe(304);
    expect(await ask('"other"')).toBe(200);
    writeFileSync(at('vats/a.bundle'), '{}');
    expect(await ask(etag)).toBe(200);
  });

  it('serves a folder that is a link, and bundles that come later', async () => {
    const at = makeFixture({});
    mkdirSync(at('real'));
    symlinkSync(at('real'), at('link'));
    server = await startBundleServer({ dir: at('link'), port: 0 });
    writeFileSync(at('real/late.bundle'), '{}');
    expect((await send(server.url, '/late.bundle')).status).toBe(200);
  });

  it('closes at once, though a client holds its connection', async () => {
    const { url } = await serve();
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.on('error', () => {});
    await new Promise((done) => socket.once('connect', done));
    await server?.close();
    server = undefined;
    await expect(send(url, '/a.bundle')).rejects.toThrow(/ECONNREFUSED/);
  });

  it('is named by its address where that is of IPv6', async () => {
    const at = makeFixture({});
    const started = await startBundleServer({ dir: at(), port: 0, host: '::1' }).catch(
      (error: Error) => error,
    );
    // A machine may have no IPv6.
    if (started instanceof Error) {
      expect(started.message).toContain('Cannot serve at ::1:0');
    } else {
      expect(started.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
      await started.close();
    }
  });
});
