import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isKernelError, type KernelError } from '../errors.js';
import { ClusterConfigStruct } from '../protocol/config.js';
import { fetchValidatedJson, type ConfigFailure } from './fetch-validated-json.js';

const config = { bootstrap: 'a', vats: { a: { bundleSpec: 'data:,x' } } };

let server: Server;
let origin: string;
let directory: string;

beforeAll(async () => {
  server = createServer(({ url }, response) => {
    if (url === '/good.json') response.end(JSON.stringify(config));
    else if (url === '/page.html') response.end('<!doctype html>');
    else if (url === '/bad.json') response.end('{"bootstrap":"b","vats":{}}');
    else if (url === '/cut.json') {
      response.writeHead(200, { 'content-length': 9 });
      response.write('{', () => response.destroy());
    } else response.writeHead(404).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  directory = await mkdtemp(join(tmpdir(), 'vatkit-'));
  await writeFile(join(directory, 'good file.json'), JSON.stringify(config));
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(directory, { recursive: true });
});

const load = (url: string | URL) => fetchValidatedJson(url, ClusterConfigStruct);
const failureOf = async (url: string | URL): Promise<KernelError> => {
  const error: unknown = await load(url).catch((reason: unknown) => reason);
  if (!isKernelError(error, 'BAD_CONFIG')) throw new Error('no BAD_CONFIG', { cause: error });
  return error;
};

describe('fetchValidatedJson', () => {
  test('loads http, data and file URLs, and files by relative path', async () => {
    const file = join(directory, 'good file.json');
    for (const url of [
      `${origin}/good.json`,
      new URL(`${origin}/good.json`),
      `data:application/json,${encodeURIComponent(JSON.stringify(config))}`,
      pathToFileURL(file).href,
      relative(process.cwd(), file),
    ])
      expect(await load(url)).toStrictEqual(config);
  });

  test.each<[path: string, data: Partial<ConfigFailure>, why: RegExp]>([
    ['/none.json', { reason: 'status', status: 404 }, /the server answered 404 Not Found$/],
    ['/page.html', { reason: 'json' }, /it is not JSON: .*</],
    [
      '/bad.json',
      { reason: 'invalid' },
      /: invalid cluster config: bootstrap: invalid bootstrap vat name "b"/,
    ],
    ['/cut.json', { reason: 'unreachable' }, /: /],
  ])('tells what is wrong with %s', async (path, data, why) => {
    const error = await failureOf(origin + path);
    expect(error.message).toMatch(why);
    expect(error.message).toContain(
      `[KERNEL:BAD_CONFIG] Failed to load config from ${origin}${path}: `,
    );
    expect(error.message.match(/KERNEL/g)).toHaveLength(1);
    expect(error.data).toMatchObject({ url: origin + path, ...data });
  });

  test('tells a missing file and an absent server as unreachable', async () => {
    const missing = await failureOf(pathToFileURL(join(directory, 'none.json')));
    expect(missing.message).toMatch(/Failed to load config from file:.*none\.json: ENOENT/);
    expect(missing.data).toMatchObject({ reason: 'unreachable' });
    // The port of nobody: the one that is reserved.
    const absent = await failureOf('http://127.0.0.1:1/x.json');
    expect(absent.data).toMatchObject({ reason: 'unreachable' });
    expect(absent.cause).toBeInstanceOf(Error);
  });

  test('shows no password, and no more of a long URL than names it', async () => {
    const secret = await failureOf(origin.replace('//', '//user:hunter2@') + '/none.json');
    expect(secret.message).not.toContain('hunter2');
    const long = await failureOf(`data:,${'x'.repeat(10_000)}`);
    expect(long.message.length).toBeLessThan(500);
  });

  test("takes superstruct's structs, too", async () => {
    const struct = { create: (value: unknown) => Object.keys(value as object) };
    expect(await fetchValidatedJson(`${origin}/good.json`, struct)).toStrictEqual([
      'bootstrap',
      'vats',
    ]);
  });
});
