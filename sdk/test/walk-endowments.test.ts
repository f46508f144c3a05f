/** What a configuration grants, as a vat of MetaMask's style uses it: the 20 names, hosts, files, logs. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ClusterConfigStruct, type Kernel, type VatConfig } from '@vatkit/sdk/kernel';
import { afterAll, describe, expect, it } from 'vitest';
import { call, makeFolder, makeLogRecorder, rejectionOf, startKernel } from './harness.js';
import { strangers } from './walk.js';

const allNames = [
  ...['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'Math', 'crypto'],
  ...['SubtleCrypto', 'fetch', 'Request', 'Headers', 'Response', 'TextEncoder', 'TextDecoder'],
  ...['URL', 'URLSearchParams', 'atob', 'btoa', 'AbortController', 'AbortSignal'],
] as const;

const servers: Server[] = [];
afterAll(() => servers.forEach((server) => server.close().closeAllConnections()));

/** Answers with what it was asked, as JSON. */
async function serve(): Promise<string> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({ method: request.method, name: request.headers['x-name'], body }),
      );
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

async function launch(kernel: Kernel, options: Partial<VatConfig> = {}) {
  const config = await strangers('endowed.js', ['main'], {}, options);
  return (await kernel.launchSubcluster(ClusterConfigStruct.check(config))).rootKref;
}

describe('a vat that was granted all', () => {
  it('has each of the 20 names', async () => {
    const kernel = await startKernel();
    const url = await serve();
    const root = await launch(kernel, {
      globals: [...allNames],
      network: { allowedHosts: ['127.0.0.1'] },
    });
    const run = (test: string, ...args: unknown[]) => call(kernel, root, 'run', test, ...args);
    expect(await run('date')).toEqual([true, '1970-01-01T00:00:00.000Z', true]);
    expect(await run('math')).toEqual([true, 2]);
    expect(await run('timeout')).toEqual(['first', 'argument', 'second']);
    expect(await run('interval')).toBe(3);
    expect(await run('text')).toEqual([[195, 169], 'é', 'aGVsbG8=', 'hello']);
    expect(await run('url')).toEqual([
      'example.com:8080',
      '/path',
      '?a=1&b=2&d=3',
      '#c',
      'x,1,y,2',
      'https://user@example.com:8080/path?a=1&b=2&d=3#c',
    ]);
    expect(await run('crypto')).toEqual([8, true, '186,120,22,191']);
    expect(await run('abort')).toEqual([true, ['abort'], 'enough']);
    expect(await run('fetch', url)).toEqual([
      true,
      200,
      'application/json',
      { method: 'POST', name: 'main', body: 'body' },
    ]);
    expect(await run('fetchRequest', url)).toEqual([
      true,
      { method: 'GET', name: 'request', body: '' },
    ]);
    expect(await run('fetchRefused', 'http://localhost:1/')).toBe('Invalid host: localhost');
    expect(await run('fetchRefused', 'file:///etc/passwd')).toBe(
      'fetch cannot target file:// URLs. Use the fs platform capability (VatConfig.platformConfig.fs) for filesystem access.',
    );
  });
});

describe('a vat that was granted nothing', () => {
  it('has what is always there, and tamed time and chance', async () => {
    const kernel = await startKernel();
    const root = await launch(kernel);
    const run = (test: string) => call(kernel, root, 'run', test);
    expect(await run('absent')).toEqual([]);
    expect(await run('always')).toEqual(['function', 'function', 'function', 'function']);
    expect(await run('dateIsTamed')).toEqual([expect.stringContaining('secure mode'), 'number']);
    expect(await run('mathIsTamed')).toContain('secure mode');
    expect((await rejectionOf(run('timeout'))).message).toMatch(/setTimeout is not/);
  });
});

describe('a grant is refused', () => {
  it.each([
    ['by a name that there is not', { globals: ['process'] }, /process/],
    [
      'by fetch without hosts',
      { globals: ['fetch'] },
      /requested "fetch" but no network\.allowedHosts was specified/,
    ],
    ['by a key that there is not', { platformConfig: { net: {} } }, /net/],
  ])('%s', async (_what, options, message) => {
    const kernel = await startKernel();
    const error = await rejectionOf(launch(kernel, options as never));
    expect(error.message + String((error.cause as Error | undefined)?.message)).toMatch(message);
    expect(kernel.getVatIds()).toEqual([]);
  });

  it('by a kernel that does not allow it', async () => {
    const kernel = await startKernel({ allowedGlobalNames: ['Date'] });
    const error = await rejectionOf(launch(kernel, { globals: ['setTimeout'] }));
    expect(error.message + String((error.cause as Error | undefined)?.message)).toMatch(
      /Vat "\w+" requested unknown global "setTimeout"/,
    );
  });
});

it('files are read below their root, with the methods that were granted', async () => {
  const folder = makeFolder();
  const rootDir = join(folder, 'root');
  mkdirSync(rootDir);
  writeFileSync(join(rootDir, 'a.txt'), 'inside');
  const kernel = await startKernel();
  const root = await launch(kernel, {
    platformConfig: { fs: { rootDir, existsSync: true, promises: { readFile: true } } },
  });
  const path = join(rootDir, 'a.txt');
  expect(await call(kernel, root, 'run', 'fs', path)).toEqual([true, 'inside', ['readFile']]);
  expect(await call(kernel, root, 'run', 'fsRefused', join(folder, 'b.txt'))).toBe(
    `fs.readFile: Path ${join(folder, 'b.txt')} is outside allowed root ${rootDir}`,
  );
});

it('logs arrive with the vat, its tags, their level and their arguments', async () => {
  const logger = makeLogRecorder();
  const kernel = await startKernel({ logger });
  await launch(kernel);
  const said = logger.records.filter(({ tags }) => tags.includes('v1'));
  expect(said.map(({ level, tags, text }) => [level, tags.at(-1), text])).toEqual([
    ['log', 'test', 'main booted ["main"]'],
    ['debug', 'test', 'debug'],
    ['info', 'test', 'info'],
    ['warn', 'test', 'warn {"code":"7n"}'],
    ['error', 'test', expect.stringMatching(/^error /)],
    ['log', 'console', 'said 1'],
  ]);
});
