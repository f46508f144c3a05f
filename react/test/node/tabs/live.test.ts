/** A component that follows a topic, in the tabs of a real browser: what it shows when the kernel moves, and after a reload. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import react from '@vitejs/plugin-react';
import type { BrowserContext } from 'playwright';
import { build } from 'vite';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  makeTabsOf,
  serveSite,
  startBrowser,
  type Site,
  type Tab,
} from '../../../../sdk/test/tabs/site.js';
import type { LiveApp } from './main.js';

// Functions given to `evaluate` run in the page, where these are global.
declare const { client, shown, errors, add, keepAdding, stopAdding }: LiveApp;

const folder = mkdtempSync(join(tmpdir(), 'vatkit-live-'));
let site: Site;
let browser: BrowserContext;
let tabs: ReturnType<typeof makeTabsOf>;

beforeAll(async () => {
  const outDir = join(folder, 'live');
  await build({
    root: import.meta.dirname,
    base: '/live/',
    configFile: false,
    logLevel: 'error',
    plugins: [react()],
    build: { outDir, assetsInlineLimit: 0 },
  });
  const entries = readdirSync(outDir, { recursive: true, encoding: 'utf8' });
  const files = entries
    .filter((file) => file.includes('.'))
    .map((file) => [file, readFileSync(join(outDir, file), 'utf8')]);
  [site, browser] = await Promise.all([
    serveSite({ '/live/': Object.fromEntries(files) as { [file: string]: string } }),
    startBrowser(join(folder, 'profile')),
  ]);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await site?.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  tabs = makeTabsOf(browser, site.newOrigin());
});

const open = (): Promise<Tab> => tabs.open('/live/');
const shows = (count: number, ...all: Tab[]): Promise<unknown> =>
  Promise.all(
    all.map(({ page }) => page.waitForFunction((wanted) => shown.at(-1) === wanted, count)),
  );
const showsMoreThan = ({ page }: Tab, count: number): Promise<unknown> =>
  page.waitForFunction((least) => (shown.at(-1) ?? 0) > least, count);
const shownBy = ({ page }: Tab): Promise<(number | null)[]> => page.evaluate(() => shown);
const lastOf = async (tab: Tab): Promise<number> => (await shownBy(tab)).at(-1) ?? 0;

/** Only nothing, and then ever more, whatever became of the kernel. */
async function expectNoStepBack(tab: Tab): Promise<void> {
  const values = await shownBy(tab);
  const [first, ...more] = values;
  expect(first).toBeNull();
  expect(more).toStrictEqual([...new Set(more)].sort((one, other) => Number(one) - Number(other)));
  expect(await tab.page.evaluate(() => errors)).toStrictEqual([]);
  expect(tab.problems).toStrictEqual([]);
}

it('a component goes on when the tab that has the kernel closes, and misses nothing of what is published meanwhile', async () => {
  const [first, second] = [await open(), await open()];
  await first.page.evaluate(() => add(2));
  await shows(2, first, second);
  expect(tabs.leader()).toBe(first);
  await second.page.evaluate(() => keepAdding());
  await showsMoreThan(second, 5);
  await tabs.close(first);
  await expect.poll(() => tabs.leader(), { timeout: 15_000 }).toBe(second);
  await showsMoreThan(second, await lastOf(second));
  const last = await second.page.evaluate(() => stopAdding());
  await shows(last, second);
  // It waits for what comes next, although nothing has been published by the new kernel since.
  const third = await open();
  await shows(last, third);
  expect(await third.page.evaluate(() => add())).toBe(last + 1);
  await shows(last + 1, second, third);
  await expectNoStepBack(second);
  await expectNoStepBack(third);
});

it('a component shows the last value after a reload, before anything is published, and what is published meanwhile', async () => {
  const only = await open();
  await only.page.evaluate(() => add(3));
  await shows(3, only);
  // With the page its kernel ends: what it shows now was kept on disk.
  await only.page.reload();
  await only.page.waitForFunction('globalThis.isReady');
  await shows(3, only);
  expect(await shownBy(only)).toStrictEqual([null, 3]);

  const other = await open();
  await other.page.evaluate(() => keepAdding());
  await showsMoreThan(only, 5);
  const before = await lastOf(only);
  // It begins anew while the topic goes on, first as a tab that led, then as one that does not.
  for (let times = 0; times < 2; times += 1) {
    await only.page.reload();
    await only.page.waitForFunction('globalThis.isReady');
    await showsMoreThan(only, before);
    expect((await shownBy(only))[1]).toBeGreaterThanOrEqual(before);
    expect(tabs.leader()).toBe(other);
  }
  const last = await other.page.evaluate(() => stopAdding());
  await shows(last, only, other);
  await expectNoStepBack(only);
  await expectNoStepBack(other);
  expect(await other.page.evaluate(() => client.admin.checkInvariants?.())).toStrictEqual([]);
});
