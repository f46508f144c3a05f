/** What a vat is granted by its configuration, on the real thing: a server, files, timers. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { bundleOfRoot, call, clusterOf, makeFolder, startKernel } from './harness.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

/** Answers `/redirect?to=URL` with a redirect, and else with the request as text. */
async function serve(): Promise<string> {
  const server = createServer((request, response) => {
    const to = new URL(request.url ?? '', 'http://x').searchParams.get('to');
    if (to !== null) response.writeHead(302, { location: to }).end();
    else response.end(`${request.method} ${request.url}`);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const fetcher = bundleOfRoot(`
  async get(url) { const response = await fetch(url); return { status: response.status, text: await response.text() }; },
`);

describe('fetch', () => {
  it('reaches the hosts that are allowed and no other, over a redirect, too', async () => {
    const [mine, others] = [await serve(), await serve()];
    const kernel = await startKernel();
    const { rootKref } = await kernel.launchSubcluster(
      clusterOf(fetcher, ['main'], { globals: ['fetch'], network: { allowedHosts: [mine] } }),
    );
    expect(await call(kernel, rootKref, 'get', `http://${mine}/a`)).toEqual({
      status: 200,
      text: 'GET /a',
    });
    await expect(kernel.queueMessage(rootKref, 'get', [`http://${others}/a`])).rejects.toThrow(
      'Invalid host',
    );
    await expect(
      kernel.queueMessage(rootKref, 'get', [`http://${mine}/redirect?to=http://${others}/a`]),
    ).rejects.toThrow('Invalid host');
    expect(
      await call(kernel, rootKref, 'get', `http://${mine}/redirect?to=http://${mine}/b`),
    ).toMatchObject({
      text: 'GET /b',
    });
  });

  it('is refused at the launch without hosts, and with a wildcard', async () => {
    const kernel = await startKernel();
    const launch = (network?: { allowedHosts: string[] }) =>
      kernel.launchSubcluster(
        clusterOf(fetcher, ['main'], { globals: ['fetch'], ...(network && { network }) }),
      );
    await expect(launch()).rejects.toThrow('network.allowedHosts');
    await expect(launch({ allowedHosts: ['*.example.com'] })).rejects.toMatchObject({
      code: 'BAD_CONFIG',
    });
  });
});

describe('fs', () => {
  it('reads below its root, and nothing else', async () => {
    const folder = makeFolder();
    const rootDir = join(folder, 'root');
    mkdirSync(rootDir);
    writeFileSync(join(rootDir, 'a.txt'), 'inside');
    writeFileSync(join(folder, 'secret.txt'), 'outside');
    symlinkSync(join(folder, 'secret.txt'), join(rootDir, 'link.txt'));
    const kernel = await startKernel();
    const reader = bundleOfRoot(`read: path => fs.promises.readFile(path, 'utf8'),`);
    const { rootKref } = await kernel.launchSubcluster(
      clusterOf(reader, ['main'], {
        platformConfig: { fs: { rootDir, promises: { readFile: true } } },
      }),
    );
    expect(await call(kernel, rootKref, 'read', join(rootDir, 'a.txt'))).toBe('inside');
    for (const path of [join(folder, 'secret.txt'), join(rootDir, '../secret.txt')]) {
      await expect(kernel.queueMessage(rootKref, 'read', [path])).rejects.toThrow(
        'is outside allowed root',
      );
    }
    await expect(
      kernel.queueMessage(rootKref, 'read', [join(rootDir, 'link.txt')]),
    ).rejects.toThrow('Symlinks are prohibited');
  });
});

describe('timers', () => {
  it('wake a vat between cranks, and what they do is as durable as the rest', async () => {
    const kernel = await startKernel();
    const ticker = bundleOfRoot(`
      start(other) { setTimeout(() => { baggage.init('ticked', true); far.E(other).heard('tick'); }, 10); },
      heard(what) { baggage.init('heard', what); },
      seen: () => [baggage.has('ticked'), baggage.has('heard')],
    `);
    const { rootKref } = await kernel.launchSubcluster(
      clusterOf(ticker, ['main', 'other'], { globals: ['setTimeout'] }),
    );
    const other = kernel.getRootObject('v2');
    await call(kernel, rootKref, 'start', kernel.getPresence(other));
    await expect
      .poll(() => call(kernel, other, 'seen'), { timeout: 10_000 })
      .toEqual([false, true]);
    await kernel.restartVat('v1');
    expect(await call(kernel, rootKref, 'seen')).toEqual([true, false]);
  });
});
