/** Several tabs of one app, in a real browser, with the built files and a strict Content-Security-Policy. */
import { kunser } from '@vatkit/sdk/kernel';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Frame, Page } from 'playwright';
import type { KernelError } from '@vatkit/sdk';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RUNTIME_ABI } from '../../src/protocol/runtime-abi.js';
import { expectSoundStore, makeFile, startKernel, stopKernel } from '../harness.js';
import { makeTabsOf, serveSite, startBrowser, type App, type Site, type Tab } from './site.js';

// Functions given to `evaluate` run in the page, where these are global.
declare const { client, root, state, launch, launchAs, callOn, stopCalling, vatkit }: App;

/** `VATKIT_TABS=10,20`: so many tabs and takeovers. */
const [tabCount = 4, takeovers = 6] = (process.env.VATKIT_TABS ?? '4,6').split(',').map(Number);

const folder = mkdtempSync(join(tmpdir(), 'vatkit-tabs-'));
let site: Site;
let context: BrowserContext;
let origin: string;
let tabs: ReturnType<typeof makeTabsOf>;

beforeAll(async () => {
  [site, context] = await Promise.all([serveSite(), startBrowser(join(folder, 'profile'))]);
}, 60_000);
afterAll(async () => {
  await context?.close();
  await site?.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  origin = site.newOrigin();
  tabs = makeTabsOf(context, origin);
});
afterEach(async () => {
  // The first is the browser's own, and empty.
  await Promise.all(
    context
      .pages()
      .slice(1)
      .map((page) => page.close()),
  );
});

const launched = async (path?: string): Promise<Tab> => {
  const tab = await tabs.open(path);
  await tab.page.evaluate(() => launch());
  return tab;
};

const phaseOf = ({ page }: Tab): Promise<string> => page.evaluate(() => client.status.phase);

describe('an app on a static server', () => {
  it('runs under a strict policy, keeps its state on disk, and needs one worker for all tabs', async () => {
    const first = await launched();
    const second = await launched();
    expect(await first.page.evaluate(() => root.keep?.('a', 'from the first'))).toBeUndefined();
    expect(await second.page.evaluate(() => root.kept?.('a'))).toBe('from the first');
    expect(await second.page.evaluate(() => state.workers)).toBe(0);
    expect(
      await first.page.evaluate(() => [client.status.storage, crossOriginIsolated]),
    ).toStrictEqual(['file', false]);
    // A script of the same origin that knows where tabs meet, and says nonsense there.
    await second.page.evaluate(() => {
      const name = new URLSearchParams(location.search).get('name') ?? 'app';
      const channel = new BroadcastChannel(`vatkit:${name}`);
      const nonsense = [null, 7, 'seek', {}, { type: 'seek' }, { type: 'hand-over', release: 7 }];
      for (const said of nonsense) channel.postMessage(said);
      channel.close();
    });
    await first.page.reload();
    await first.page.waitForFunction('globalThis.isReady');
    await first.page.evaluate(() => launch());
    expect(await first.page.evaluate(() => root.kept?.('a'))).toBe('from the first');
    expect(await second.page.evaluate(() => root.launches?.())).toBe(1n);
    expect([...first.problems, ...second.problems]).toStrictEqual([]);
  });

  it('says that it cannot run in an insecure context', async () => {
    const insecure = await startBrowser(join(folder, 'insecure'), [
      '--host-resolver-rules=MAP app.test 127.0.0.1',
    ]);
    try {
      const page = await insecure.newPage();
      await page.goto(`http://app.test:${site.port}/`);
      await page.waitForFunction('globalThis.isReady');
      const error = await page.evaluate(() =>
        client
          .ready()
          .catch(({ name, code, message }: Error & { code: string }) => ({ name, code, message })),
      );
      expect(error).toMatchObject({
        name: 'UnsupportedEnvironmentError',
        code: 'UNSUPPORTED_ENVIRONMENT',
        message: expect.stringContaining('https') as string,
      });
    } finally {
      await insecure.close();
    }
  });
});

describe('the whole store', () => {
  const exported = (page: Page): Promise<number[]> =>
    page.evaluate(async () => {
      const file = await client.exportStore();
      return [...new Uint8Array(await file.arrayBuffer())];
    });
  const imported = (page: Page, bytes: number[]): Promise<string | undefined> =>
    page.evaluate(
      (content) =>
        client.importStore(new Blob([new Uint8Array(content)])).then(
          () => undefined,
          (error: KernelError) => `${error.code}: ${error.message}`,
        ),
      bytes,
    );

  it('is one file, which another browser and Node take as it is', async () => {
    const { page } = await launched();
    await page.evaluate(() => root.keep?.('a', 'exported'));
    const bytes = await exported(page);
    await page.evaluate(() => root.keep?.('a', 'changed'));
    const other = await launched();
    // A second vat, of which the file does not know.
    expect(await page.evaluate(() => launchAs('second'))).toBe('v2');
    const { storeId } = await page.evaluate(() => client.status);
    // From the tab that does not lead.
    expect(await imported(other.page, bytes)).toBeUndefined();
    for (const tab of [page, other.page]) {
      expect(
        await tab.evaluate(() => root.kept?.('a').catch(({ code }: KernelError) => code)),
      ).toBe('SESSION_EXPIRED');
      await tab.evaluate(() => launch());
      expect(await tab.evaluate(() => root.kept?.('a'))).toBe('exported');
      expect(await tab.evaluate(() => client.status.storeId)).not.toBe(storeId);
    }
    // Who remembers v2 does not mean this one.
    expect(await page.evaluate(() => launchAs('third'))).toBe('v3');
    const dbFilename = makeFile('exported.db', Uint8Array.from(bytes));
    const kernel = await startKernel({ dbFilename });
    const answer = await kernel.queueMessage(kernel.getRootObject('v1'), 'kept', ['a']);
    expect(kunser(answer)).toBe('exported');
    await stopKernel(kernel);
    await expectSoundStore(dbFilename);
  });

  it('is left as it is where the file is none', async () => {
    const { page } = await launched();
    await page.evaluate(() => root.keep?.('a', 'kept'));
    const bytes = await exported(page);
    const torn = bytes.map((byte, i) => (i > 5_000 && i < 9_000 ? 0 : byte));
    const newer = bytes.map((byte, i) => (i === 63 ? 9 : byte));
    expect(await imported(page, [1, 2, 3])).toMatch(/STORE_FAILED/);
    expect(await imported(page, torn)).toMatch(/STORE_FAILED|BAD_CONFIG/);
    expect(await imported(page, newer)).toContain('schema version is 9');
    expect(await page.evaluate(() => root.kept?.('a'))).toBe('kept');
    expect(await page.evaluate(() => state.workers)).toBe(1);
  });

  it('is whole when the disk is full, and callers hear of it', async () => {
    const { page } = await launched();
    const devtools = await context.newCDPSession(page);
    const limit = (quotaSize?: number) =>
      devtools.send('Storage.overrideQuotaForOrigin', {
        origin,
        ...(quotaSize !== undefined && { quotaSize }),
      });
    const { usage } = await devtools.send('Storage.getUsageAndQuota', { origin });
    await limit(usage + 3_000_000);
    const kept = await page.evaluate(async () => {
      const text = 'x'.repeat(500_000);
      for (let i = 0; i < 40; i += 1) {
        try {
          await root.keep?.(String(i), text);
        } catch (thrown) {
          return { count: i, error: String(thrown) };
        }
      }
      return undefined;
    });
    expect(kept?.error).toMatch(/STORE_FAILED|VAT_RESTARTED|KERNEL_CLOSED|WORKER_START_FAILED/);
    await limit();
    // What was acknowledged is there, now that there is space, and more can be added.
    await page.evaluate(() => launch());
    const last = String((kept?.count as number) - 1);
    expect(await page.evaluate((key) => root.kept?.(key), last)).toHaveLength(500_000);
    expect(await page.evaluate(() => root.keep?.('more', 1))).toBeUndefined();
    expect(await page.evaluate(() => client.admin.checkInvariants?.())).toStrictEqual([]);
  });

  it('is asked to be kept', async () => {
    const { page } = await tabs.open();
    expect(typeof (await page.evaluate(() => vatkit.persistStorage()))).toBe('boolean');
  });
});

describe('the hardened mode', () => {
  it('runs vats in a frame that has no origin and no network', async () => {
    const { page, problems } = await launched('/?hardened');
    expect(await page.evaluate(() => root.greet?.('you'))).toBe('nobody greets you');
    const frame = page.frames().find((each) => each !== page.mainFrame()) as Frame;
    const vat = page.workers().find((worker) => worker.url().startsWith('blob:null/'));
    expect(vat).toBeDefined();
    // What code finds that has got out of SES, and out of all that was taken from its worker.
    const found = await frame.evaluate(async (outside) => {
      const said = (thrown: unknown) => (thrown as Error).name;
      const inWorker = new Worker(
        URL.createObjectURL(
          new Blob([
            `fetch(${JSON.stringify(outside)}).then(() => postMessage('reached'), ({ name }) => postMessage(name))`,
          ]),
        ),
      );
      return {
        origin: globalThis.origin,
        fetch: await fetch(outside).then(() => 'reached', said),
        files: await navigator.storage.getDirectory().then(() => 'reached', said),
        parent: ((): string => {
          try {
            return parent.document.title;
          } catch (thrown) {
            return said(thrown);
          }
        })(),
        worker: await new Promise((resolve) => {
          inWorker.onmessage = ({ data }) => resolve(data);
        }),
      };
    }, origin);
    expect(found).toStrictEqual({
      origin: 'null',
      fetch: 'TypeError',
      files: 'SecurityError',
      parent: 'SecurityError',
      worker: 'TypeError',
    });
    expect(problems.filter((text) => !text.includes('Content Security Policy'))).toStrictEqual([]);
    // A vat that is ended there starts there again.
    await page.evaluate(() => client.admin.restartVat('v1'));
    expect(await page.evaluate(() => root.launches?.())).toBe(1n);
    await page.evaluate(() => client.close());
    expect(await page.evaluate(() => document.querySelector('iframe'))).toBeNull();
  });

  it('says so where the page that was named is another one', async () => {
    const tab = await tabs.open();
    const message = await tab.page.evaluate(async () => {
      const other = vatkit.createKernel({
        name: 'other',
        worker: () => new Worker('./kernel.worker.js', { type: 'module' }),
        sandbox: () => './no-such.html',
        startTimeoutMs: 1_000,
      });
      return other.ready().catch((error: Error) => error.message);
    });
    expect(message).toContain("The kernel's worker did not start");
  });
});

describe('a browser that is killed', () => {
  it('has kept what was acknowledged', async () => {
    const profile = join(folder, 'killed');
    const browser = await startBrowser(profile);
    const { page } = await makeTabsOf(browser, origin).open();
    await page.evaluate(() => launch());
    await page.evaluate(async () => {
      for (let i = 0; i < 50; i += 1) await root.keep?.('last', i);
    });
    const ended = new Promise((resolve) => browser.once('close', resolve));
    const devtools = await browser.newCDPSession(page);
    devtools.send('Browser.crash').catch(() => undefined);
    await ended;
    const again = await startBrowser(profile);
    try {
      const tab = await makeTabsOf(again, origin).open();
      await tab.page.evaluate(() => launch());
      expect(await tab.page.evaluate(() => root.kept?.('last'))).toBe(49);
      expect(await tab.page.evaluate(() => root.launches?.())).toBe(1n);
      expect(await tab.page.evaluate(() => client.admin.checkInvariants?.())).toStrictEqual([]);
    } finally {
      await again.close();
    }
  });
});

describe('a vat that takes all memory', () => {
  it('ends the tab that has the kernel, twice; then its call rejects, and other vats answer', async () => {
    const small = await startBrowser(join(folder, 'small'), [
      '--js-flags=--max-old-space-size=200',
    ]);
    try {
      const opened = makeTabsOf(small, origin);
      const [first, second, third] = [
        await opened.open(),
        await opened.open(),
        await opened.open(),
      ];
      const code = `const __vatExports__ = (() => { const { makeDefaultExo } = $vatkit['@vatkit/sdk/vat'];
        const hog = () => { for (const all = []; ; ) all.push(new Array(100_000).fill(1.5)); };
        return { buildRootObject: () => makeDefaultExo('root', { hog, hello: () => 'here' }) }; })();`;
      const bundleSpec = JSON.stringify({ moduleFormat: 'vatkit', abi: RUNTIME_ABI, code });
      const config = { bootstrap: 'a', vats: { a: { bundleSpec }, b: { bundleSpec } } };
      for (const { page } of [first, second, third])
        await page.evaluate(async (given) => {
          const { roots } = await client.launch({ name: 'hogs', config: given });
          (globalThis as unknown as App).kept = roots;
        }, config);
      const crashes = [first, second].map(({ page }) => page.waitForEvent('crash'));
      expect(await third.page.evaluate('kept.a.hog().catch(({ code }) => code)')).toBe(
        'VAT_CRASHED',
      );
      await Promise.all(crashes);
      expect(await third.page.evaluate('kept.b.hello()')).toBe('here');
      expect(await third.page.evaluate('kept.a.hello()')).toBe('here');
      expect(await third.page.evaluate(() => client.admin.checkInvariants?.())).toStrictEqual([]);
    } finally {
      await small.close();
    }
  });
});

describe('a takeover', () => {
  it(`makes every call once, over ${takeovers} of them in ${tabCount} tabs that call all the time`, async () => {
    for (let i = 0; i < tabCount; i += 1) await launched();
    const call = ({ id, page }: Tab): Promise<void> =>
      page.evaluate((tab) => callOn(tab), `t${id}`);
    await Promise.all([...tabs.all].map(call));
    const results: string[] = [];
    for (let round = 0; round < takeovers; round += 1) {
      const leader = tabs.leader();
      const others = [...tabs.all].filter((tab) => tab !== leader);
      const before = await Promise.all(
        others.map(({ page }) => page.evaluate(() => state.results.length)),
      );
      if (round % 3 === 0) await tabs.close(leader);
      else if (round % 3 === 1) await tabs.crash(leader);
      else {
        await leader.page.reload();
        await leader.page.waitForFunction('globalThis.isReady');
      }
      // Every tab that is left gets answers again.
      await Promise.all(
        others.map(({ page }, i) =>
          page.waitForFunction((count) => state.results.length > count + 3, before[i] as number, {
            timeout: 15_000,
          }),
        ),
      );
      if (round % 3 === 2) {
        await leader.page.evaluate(() => launch());
        leader.id += 1000 * (round + 1);
        await call(leader);
      } else await call(await launched());
    }
    const errors: string[] = [];
    for (const { page } of tabs.all) {
      const stopped = await page.evaluate(() => stopCalling());
      results.push(...stopped.results);
      errors.push(...stopped.errors);
    }
    expect(errors).toStrictEqual([]);
    const [{ page }] = [...tabs.all] as [Tab];
    expect(await page.evaluate(() => root.duplicates?.())).toStrictEqual([]);
    const made = new Set((await page.evaluate(() => root.ids?.())) as string[]);
    expect(results.filter((id) => !made.has(id))).toStrictEqual([]);
    expect(results.length).toBeGreaterThan(takeovers * tabCount);
    expect(await page.evaluate(() => root.launches?.())).toBe(1n);
    expect(await page.evaluate(() => client.admin.checkInvariants?.())).toStrictEqual([]);
  }, 300_000);

  it('rejects what was suspended in a heap, breaks heap refs, and keeps roots and durable exos', async () => {
    const leader = await launched();
    const { page } = await launched();
    await page.evaluate(async () => {
      const note = (await root.note?.('durable')) as { read(): Promise<string> };
      const heap = (await root.heapObject?.()) as { hello(): Promise<string> };
      const broken = new Promise<string>((resolve) =>
        vatkit.onBroken(heap, ({ message }) => resolve(message)),
      );
      const never = root
        .never?.()
        .catch(({ code, indeterminate }: KernelError) => ({ code, indeterminate }));
      (globalThis as unknown as App).kept = { note, heap, broken, never };
      // By now the vat has the call before it.
      await root.greet?.();
    });
    await tabs.crash(leader);
    const kept = (expression: string): Promise<unknown> => page.evaluate(`kept.${expression}`);
    expect(await kept('never')).toStrictEqual({ code: 'VAT_RESTARTED', indeterminate: true });
    expect(await kept('broken')).toContain('OBJECT_DELETED');
    expect(await kept('note.read()')).toBe('durable');
    expect(await kept('heap.hello().catch(({ code }) => code)')).toBe('OBJECT_DELETED');
    expect(await page.evaluate(() => root.greet?.())).toBe('nobody greets world');
  });

  it('happens when a tab is frozen, which finds its session again when it wakes', async () => {
    const leader = await launched();
    const other = await launched();
    // A headless browser's pages are all visible, and none of those is frozen: the events are ours, not the browser's.
    const tell = (event: string) =>
      leader.page.evaluate((type) => void document.dispatchEvent(new Event(type)), event);
    await tell('freeze');
    expect(await other.page.evaluate(() => root.keep?.('k', 1))).toBeUndefined();
    await expect.poll(() => tabs.leader()).toBe(other);
    expect(await phaseOf(leader)).toBe('reconnecting');
    await tell('resume');
    expect(await leader.page.evaluate(() => root.kept?.('k'))).toBe(1);
    expect(await phaseOf(leader)).toBe('ready');
  });

  it('happens when a page is kept for the back button, which finds its session again', async () => {
    const leader = await launched();
    await leader.page.evaluate(async () => {
      (globalThis as unknown as App).kept = await root.note?.('durable');
    });
    const other = await launched();
    await leader.page.goto(`${origin}/keeper.bundle`);
    expect(await other.page.evaluate(() => root.greet?.())).toBe('nobody greets world');
    expect(tabs.leader()).toBe(other);
    // Playwright knows no pages that come back from that cache, so the protocol beneath it is asked.
    const devtools = await context.newCDPSession(leader.page);
    const ask = async (expression: string): Promise<unknown> => {
      const asked = { expression, awaitPromise: true, returnByValue: true };
      return (await devtools.send('Runtime.evaluate', asked)).result.value;
    };
    await ask('history.back()');
    await expect.poll(() => ask('globalThis.isReady').catch(() => undefined)).toBe(true);
    // The same page, with what it had: it was not loaded anew.
    const note = await ask('kept?.read()');
    expect(note).toBe('durable');
  });
});

describe('deploys', () => {
  it('hand the kernel over to the newer one, and older tabs go on', async () => {
    const old = await launched();
    await old.page.evaluate(() => callOn('old'));
    const fresh = await launched('/next/');
    await expect.poll(() => tabs.leader(), { timeout: 15_000 }).toBe(fresh);
    expect(await fresh.page.evaluate(() => root.greet?.())).toBe('nobody greets world');
    const count = await old.page.evaluate(() => state.results.length);
    await old.page.waitForFunction((before) => state.results.length > before, count);
    const { errors } = await old.page.evaluate(() => stopCalling());
    expect(errors).toStrictEqual([]);
    expect(await old.page.evaluate(() => root.duplicates?.())).toStrictEqual([]);
    // A third, old tab does not ask for it back.
    await launched();
    expect(tabs.leader()).toBe(fresh);
  });

  it('leave an older tab behind where the store is newer: it wants to be reloaded, and leads no more', async () => {
    const old = await launched();
    await old.page.evaluate(() => root.keep?.('a', 'kept'));
    const future = await launched('/future/');
    expect(await future.page.evaluate(() => root.kept?.('a'))).toBe('kept');
    const wantsReload = async (tab: Tab): Promise<void> => {
      await expect.poll(() => phaseOf(tab), { timeout: 15_000 }).toBe('reload-required');
      const told = ({ code, data }: KernelError) => ({ code, data });
      expect(await tab.page.evaluate(`client.ready().catch(${told.toString()})`)).toStrictEqual({
        code: 'PROTOCOL_VERSION',
        data: { reload: true },
      });
    };
    await wantsReload(old);
    await tabs.close(future);
    // Its kernel finds a store that it cannot read, and leaves it alone.
    const late = await tabs.open();
    await late.page.evaluate(() => client.ready().catch(() => undefined));
    await wantsReload(late);
    expect(await old.page.evaluate(() => state.workers)).toBe(1);
    expect(await late.page.evaluate(() => client.status.error?.message)).toContain(
      'reload the page',
    );
    const again = await launched('/future/');
    expect(await again.page.evaluate(() => root.kept?.('a'))).toBe('kept');
  });
});

describe('a browser that gives its workers no files', () => {
  it('has a kernel that says so, and whose end costs every tab what it had', async () => {
    const path = '/?worker=without-files';
    const leader = await launched(path);
    const { page } = await launched(path);
    for (const tab of [leader.page, page])
      expect(await tab.evaluate(() => client.status.storage)).toBe('memory');
    await page.evaluate(async () => {
      const note = await root.note?.('of this kernel');
      const broken = new Promise((resolve) =>
        vatkit.onBroken(note as object, (error) => resolve((error as KernelError).code)),
      );
      const waiting = root.never?.().catch(({ code }: KernelError) => code);
      (globalThis as unknown as App).kept = { broken, waiting };
      await root.greet?.();
    });
    await tabs.crash(leader);
    expect(await page.evaluate('kept.waiting')).toBe('STORE_LOST');
    expect(await page.evaluate('kept.broken')).toBe('STORE_LOST');
    expect(await page.evaluate(() => root.greet?.().catch(({ code }: KernelError) => code))).toBe(
      'STORE_LOST',
    );
    await page.evaluate(() => launch());
    expect(await page.evaluate(() => root.launches?.())).toBe(1n);
  });
});

describe('libp2p', () => {
  it('is evaluated when the kernel begins to talk to others, and not before', async () => {
    const { page } = await launched('/counting/');
    const kernelWorker = page.workers().find((each) => each.url().endsWith('kernel.worker.js'));
    const isLoaded = () => kernelWorker?.evaluate('globalThis.libp2pIsLoaded === true');
    expect(await isLoaded()).toBe(false);
    await page.evaluate(() => client.admin.initRemoteComms({}));
    expect(await isLoaded()).toBe(true);
  });
});

describe('a tab whose kernel answers no more', () => {
  it('costs the others an error that says so, and they go on when it is closed', async () => {
    const leader = await launched();
    const [worker] = leader.page.workers();
    void worker
      ?.evaluate(() => {
        for (;;);
      })
      .catch(() => undefined);
    const other = await tabs.open('/hasty/');
    const error = await other.page.evaluate(() =>
      client.ready().catch(({ code, retryable }: Error & { code: string; retryable: boolean }) => ({
        code,
        retryable,
      })),
    );
    expect(error).toStrictEqual({ code: 'LEADER_UNRESPONSIVE', retryable: true });
    await tabs.close(leader);
    await other.page.evaluate(() => launch());
    expect(await other.page.evaluate(() => root.greet?.())).toBe('nobody greets world');
  });
});
