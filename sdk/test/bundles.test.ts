/** Where bundles come from, and that they stay: by address or as content, kept under their hash. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pathToFileURL } from 'node:url';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { bundleVat, formatBundle } from '@vatkit/codegen';
import type { Kernel } from '@vatkit/sdk/kernel';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  bundleOf,
  bundleOfRoot,
  call,
  clusterOf,
  failsWithoutTrace,
  makeFile,
  makeStoreFile,
  patience,
  rejectionOf,
  rowsOf,
  startKernel,
  stopKernel,
  useSharedKernel,
} from './harness.js';

/** The least of pass-style: an object that is marked as one that passes by reference. */
const farOfBundle = `{ Far: (name, methods) => harden(Object.setPrototypeOf(methods, harden(Object.create(Object.prototype, {
  [Symbol.for('passStyle')]: { value: 'remotable' }, [Symbol.toStringTag]: { value: 'Alleged: ' + name } })))) }`;

const saying = (word: string): string => bundleOfRoot(`say: () => ${JSON.stringify(word)}`);

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

/** Serves whatever `answer` gives; counts the requests. */
async function serve(answer: () => { status?: number; body: string }) {
  const server = createServer((_request, response) => {
    served.requests += 1;
    const { status = 200, body } = answer();
    response.writeHead(status).end(body);
  });
  servers.push(server);
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const served = { url: `http://127.0.0.1:${port}/a.bundle`, requests: 0 };
  return served;
}

const bundleKeys = (kernel: Kernel): string[] =>
  [...rowsOf(kernel).keys()].filter((key) => key.startsWith('b.'));

const dataUrl = (content: string): string => `data:application/json,${encodeURIComponent(content)}`;
const base64Url = (content: string): string =>
  `data:application/json;base64,${Buffer.from(content).toString('base64')}`;

describe('a bundleSpec', () => {
  it.each([
    [
      'a file URL',
      async (content: string) => pathToFileURL(makeFile('a b%20c.bundle', content)).href,
    ],
    ['an http URL', async (content: string) => (await serve(() => ({ body: content }))).url],
    ['a data URL', async (content: string) => dataUrl(content)],
    ['a base64 data URL', async (content: string) => base64Url(content)],
    ['the content', async (content: string) => content],
    ['the content after white space', async (content: string) => `\n  ${content}`],
  ])('is %s', async (_what, specOf) => {
    const kernel = await startKernel();
    const spec = await specOf(saying('olá'));
    const { rootKref } = await kernel.launchSubcluster(clusterOf(spec));
    expect(await call(kernel, rootKref, 'say')).toBe('olá');
    expect(kernel.getVats()).toMatchObject([{ config: { bundleSpec: spec } }]);
  });

  it('is fetched once for all vats of a launch', async () => {
    const kernel = await startKernel();
    const served = await serve(() => ({ body: saying('once') }));
    await kernel.launchSubcluster(clusterOf(served.url, ['a', 'b', 'c']));
    expect(served.requests).toBe(1);
  });

  it('stands under `bundles` for the vats that name it', async () => {
    const kernel = await startKernel();
    const { rootKref } = await kernel.launchSubcluster({
      bootstrap: 'a',
      vats: { a: { bundleName: 'shared' }, b: { bundleName: 'shared' } },
      bundles: { shared: { bundleSpec: saying('shared') } },
    });
    expect(await call(kernel, rootKref, 'say')).toBe('shared');
    expect(await call(kernel, kernel.getRootObject('v2'), 'say')).toBe('shared');
    expect(bundleKeys(kernel)).toHaveLength(1);
  });
});

describe('a bundle of the format', () => {
  const entry = join(import.meta.dirname, 'vats/keeper.vat.js');

  // Of @endo/bundle-source's three, which take seconds to make, one.
  it.each(['vatkit', 'iife', 'endoScript'] as const)(
    '%s runs, and its durable objects outlive a restart',
    async (format) => {
      const content = formatBundle(await bundleVat(entry, { format }));
      const dbFilename = makeStoreFile();
      const first = await startKernel({ dbFilename });
      const { rootKref } = await first.launchSubcluster(clusterOf(content, ['a', 'b']));
      const note = await call(first, rootKref, 'note', 'durable');
      await call(first, rootKref, 'keep', 'note', note);
      expect(await call(first, rootKref, 'relay', 'x', 'b')).toBe(1n);
      await stopKernel(first);
      const second = await startKernel({ dbFilename });
      const again = (await call(second, rootKref, 'kept', 'note')) as { kref: string };
      expect(await call(second, again.kref, 'read')).toBe('durable');
      expect(await call(second, rootKref, 'relay', 'y', 'b')).toBe(1n);
      expect((await rejectionOf(second.queueMessage(rootKref, 'fail', ['no luck']))).message).toBe(
        'no luck',
      );
    },
    60_000,
  );

  it('iife as MetaMask makes it runs', async () => {
    const kernel = await startKernel();
    // Self-contained, as its own bundler leaves it: the exports of one function, and names that nobody provides.
    const bundle = {
      moduleFormat: 'iife',
      code: `var __vatExports__ = (function(exports) {
        const { Far } = (${farOfBundle});
        exports.buildRootObject = (vatPowers, { name }) => Far('root', { bootstrap() {}, greet: () => 'Hi ' + name });
        return exports;
      })({});`,
      exports: ['buildRootObject'],
      external: [],
    };
    const { rootKref } = await kernel.launchSubcluster(
      clusterOf(JSON.stringify(bundle), ['a'], { parameters: { name: 'you' } }),
    );
    expect(await call(kernel, rootKref, 'greet')).toBe('Hi you');
  });
});

describe('a bundle that was launched', () => {
  it.each(['file', 'http'])('starts again without its source: %s', async (kind) => {
    const dbFilename = makeStoreFile();
    const content = await bundleOf('keeper.vat.js');
    const first = await startKernel({ dbFilename });
    const file = makeFile('keeper.bundle', content);
    const spec =
      kind === 'file' ? pathToFileURL(file).href : (await serve(() => ({ body: content }))).url;
    const { rootKref } = await first.launchSubcluster(clusterOf(spec));
    await call(first, rootKref, 'keep', 'a', 1n);
    await stopKernel(first);
    rmSync(file);
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }

    const second = await startKernel({ dbFilename });
    expect(await call(second, rootKref, 'kept', 'a')).toBe(1n);
    await second.restartVat('v1');
    expect(await call(second, rootKref, 'kept', 'a')).toBe(1n);
  });

  it('does not change under its vat when the server changes it; a reload and a new launch get the new one', async () => {
    const dbFilename = makeStoreFile();
    let word = 'old';
    const served = await serve(() => ({ body: saying(word) }));
    const first = await startKernel({ dbFilename });
    const { rootKref } = await first.launchSubcluster(clusterOf(served.url));
    word = 'new';
    await first.restartVat('v1');
    expect(await call(first, rootKref, 'say')).toBe('old');
    await stopKernel(first);

    const second = await startKernel({ dbFilename });
    expect(await call(second, rootKref, 'say')).toBe('old');
    expect(served.requests).toBe(1);
    const other = await second.launchSubcluster(clusterOf(served.url));
    expect(await call(second, other.rootKref, 'say')).toBe('new');
    expect(await call(second, rootKref, 'say')).toBe('old');
    expect(bundleKeys(second)).toHaveLength(2);
    const reloaded = await second.reloadSubcluster('s1');
    expect(await call(second, second.getRootObject(reloaded.vats.main!), 'say')).toBe('new');
    expect(bundleKeys(second)).toHaveLength(1);
  });

  it('is stored once, and until the last vat that runs it is gone', async () => {
    const kernel = await startKernel();
    const content = saying('same');
    const one = await kernel.launchSubcluster(clusterOf(content, ['a', 'b']));
    const two = await kernel.launchSubcluster(clusterOf(dataUrl(content)));
    const other = await kernel.launchSubcluster(clusterOf(saying('other')));
    expect(bundleKeys(kernel)).toHaveLength(2);
    await kernel.terminateSubcluster(one.subclusterId);
    expect(bundleKeys(kernel)).toHaveLength(2);
    expect(await call(kernel, two.rootKref, 'say')).toBe('same');
    await kernel.terminateSubcluster(two.subclusterId);
    expect(bundleKeys(kernel)).toHaveLength(1);
    await kernel.terminateVat('v4');
    expect(bundleKeys(kernel)).toStrictEqual([]);
    expect(other.subclusterId).toBe('s3');
  });

  it('is named by its SHA-256, whatever the way it came', async () => {
    const kernel = await startKernel();
    const content = saying('hash');
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(content));
    await kernel.launchSubcluster(clusterOf(pathToFileURL(makeFile('a.bundle', content)).href));
    await kernel.launchSubcluster(clusterOf(base64Url(content)));
    expect(bundleKeys(kernel)).toStrictEqual([`b.${Buffer.from(digest).toString('hex')}`]);
  });

  it("names the source's file and line in a vat's stack", async () => {
    const kernel = await startKernel();
    const { rootKref } = await kernel.launchSubcluster(clusterOf(await bundleOf('keeper.vat.js')));
    const error = await kernel
      .queueMessage(rootKref, 'fail', ['no luck'])
      .catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ name: 'Error', message: 'no luck' });
    expect((error as Error).stack).toMatch(
      /^Error: no luck\n {4}at .*fail.*keeper\.vat\.js:\d+:\d+/,
    );
  });
});

describe('a bundle that cannot be had', () => {
  let kernel: Kernel;
  useSharedKernel(async () => {
    kernel = await startKernel();
    await kernel.launchSubcluster(clusterOf(saying('before')));
    return kernel;
  });

  it.each([
    ['file:///no/such/file.bundle', /no such file or directory.*\/no\/such\/file\.bundle/],
    ['file:///tmp', /file:\/\/\/tmp failed: .*directory/],
    ['http://127.0.0.1:1/a.bundle', /127\.0\.0\.1:1.*(?:ECONNREFUSED|bad port)/],
    ['http://no-such-host.invalid/a.bundle', /no-such-host\.invalid/],
    [
      'ftp://example.com/a.bundle',
      /ftp:\/\/example\.com\/a\.bundle is no http, https, file or data URL/,
    ],
    ['./relative.bundle', /\.\/relative\.bundle is no http, https, file or data URL/],
    ['/absolute/path.bundle', /\/absolute\/path\.bundle is no http, https, file or data URL/],
    ['not a url', /not a url is no http, https, file or data URL/],
    ['http://', /http:\/\//],
    ['file://elsewhere/x.bundle', /elsewhere/],
  ])('from %s is named in the error', async (spec, message) => {
    const error = await failsWithoutTrace(kernel, () =>
      kernel.launchSubcluster({
        bootstrap: 'good',
        vats: { good: { bundleSpec: saying('good') }, bad: { bundleSpec: spec } },
      }),
    );
    expect(error).toMatchObject({ code: 'BAD_CONFIG', data: { name: 'bad' } });
    expect(error.message).toMatch(/Failed to launch vat v\d+ \(bad\): /);
    expect(error.message).toMatch(message);
    expect(error.cause).toBeInstanceOf(Error);
  });

  it.each([
    [404, 'Not Found'],
    [500, 'Internal Server Error'],
  ])('since the server answers %i, is named with the answer', async (status, text) => {
    const served = await serve(() => ({ status, body: 'sorry' }));
    const error = await failsWithoutTrace(kernel, () =>
      kernel.launchSubcluster(clusterOf(served.url)),
    );
    expect(error).toMatchObject({ code: 'BAD_CONFIG' });
    expect(error.message).toMatch(/Failed to launch vat v\d+ \(main\): /);
    expect(error.message).toContain(`fetch of user code ${served.url} failed: ${status} ${text}`);
  });

  it.each([
    ['<!doctype html><title>Hello</title>', 'it is not JSON (it begins with "<!doctype html>'],
    ['', 'it is not JSON'],
    ['[]', 'Invalid bundle: must be an object'],
    ['null', 'Invalid bundle: must be an object'],
    ['{"moduleFormat":"commonjs","code":""}', 'Unknown bundle format: commonjs'],
    ['{"code":""}', 'Unknown bundle format: undefined'],
    ['{"moduleFormat":"iife"}', 'Invalid bundle: missing code'],
    ['{"moduleFormat":"iife","code":7}', 'Invalid bundle: code must be a string'],
  ])('since the server sends %s, is named with what is wrong', async (body, message) => {
    const served = await serve(() => ({ body }));
    const error = await failsWithoutTrace(kernel, () =>
      kernel.launchSubcluster(clusterOf(served.url)),
    );
    expect(error).toMatchObject({ code: 'BAD_CONFIG', data: { name: 'main' } });
    const { vatId } = error.data as { vatId: string };
    expect(error.message).toContain(
      `Failed to launch vat ${vatId} (main): ${served.url} is no bundle: ${message}`,
    );
    expect(error.cause).toBeInstanceOf(Error);
  });

  it('is named by the id that its vat would have had, which no vat gets', async () => {
    const { bootstrapResult: _, ...launched } = await kernel.launchSubcluster({
      bootstrap: 'a',
      vats: { a: { bundleSpec: saying('a') } },
    });
    const [before] = kernel.getSubclusterVats(launched.subclusterId);
    const error = await failsWithoutTrace(kernel, () =>
      kernel.launchSubcluster({
        bootstrap: 'a',
        vats: { a: { bundleSpec: saying('a') }, b: { bundleSpec: 'file:///no/such.bundle' } },
      }),
    );
    const numberOf = (id: unknown): number => Number(String(id).slice(1));
    const { vatId } = error.data as { vatId: string };
    expect(numberOf(vatId)).toBe(numberOf(before) + 2);
    const next = await kernel.launchVat({ bundleSpec: saying('next') });
    expect(numberOf(next)).toBe(numberOf(vatId) + 1);
  });

  it('leaves a subcluster that was to be reloaded as it is', async () => {
    let body = saying('kept');
    const served = await serve(() => ({ body }));
    const { subclusterId, rootKref } = await kernel.launchSubcluster(clusterOf(served.url));
    body = 'gone';
    const error = await failsWithoutTrace(kernel, () => kernel.reloadSubcluster(subclusterId));
    expect(error.message).toContain('it is not JSON (it begins with "gone")');
    expect(await call(kernel, rootKref, 'say')).toBe('kept');
  });

  it('does not hold up a stop', async () => {
    const own = await startKernel();
    const served = await serve(() => ({ body: saying('late') }));
    let asked = false;
    servers
      .at(-1)!
      .removeAllListeners('request')
      .on('request', () => (asked = true));
    const launch = own.launchSubcluster(clusterOf(served.url)).catch((error: unknown) => error);
    await vi.waitFor(() => expect(asked).toBe(true), patience);
    await stopKernel(own);
    servers.at(-1)!.closeAllConnections();
    expect(await launch).toMatchObject({
      code: expect.stringMatching(/BAD_CONFIG|KERNEL_STOPPED/) as string,
    });
  });
});
