/**
 * An app as it is deployed: static files of the built packages, a strict Content-Security-Policy, no bundler. Its pages
 * are driven by Playwright, in a Chromium of their own.
 */
import { readFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright';
import { chromiumArguments, findChromium } from '../../../scripts/chromium.mjs';
import { bundleOf } from '../harness.js';

const dist = (file: string): string =>
  readFileSync(fileURLToPath(new URL(`../../dist/${file}`, import.meta.url)), 'utf8');

const pagePolicy =
  "default-src 'none'; script-src 'self'; connect-src 'self'; worker-src 'self'; frame-src 'self'";
/** What DESIGN and docs/browser.md ask of the worker's response. */
const workerPolicy =
  "default-src 'none'; script-src 'self' 'unsafe-eval' blob:; worker-src blob:; connect-src 'self'";

/** The app of every page: a client, and what tests ask it for. */
const app = `
import * as vatkit from './vatkit/entries/index.js';
const name = new URLSearchParams(location.search).get('name') ?? 'app';
const state = { workers: 0, results: [], errors: [], isCalling: false };
const isHardened = new URLSearchParams(location.search).has('hardened');
const client = vatkit.createKernel({
  name,
  ...(isHardened && { sandbox: () => './vat-sandbox.html' }),
  worker() {
    state.workers += 1;
    globalThis.leads?.();
    return new Worker('./kernel.worker.js', { type: 'module' });
  },
});
const bundleSpec = new URL('/keeper.bundle', location.href).href;
const keeper = { name: 'keeper', config: { bootstrap: 'main', vats: { main: { bundleSpec } } } };
let root;
/** Calls without a pause between, each with an id of its own, until it is told to stop. */
async function callOn(tab) {
  state.isCalling = true;
  for (let i = 0; state.isCalling; i += 1) {
    const id = tab + '.' + i;
    try {
      const times = await root.count(id);
      state.results.push(id);
      if (times !== 1n) state.errors.push(id + ' was made ' + times + ' times');
    } catch (error) {
      state.errors.push(id + ': ' + error.code + ' ' + error.message);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
Object.assign(globalThis, {
  ...{ vatkit, client, state, keeper },
  async launch() {
    ({ root } = await client.launch(keeper));
    globalThis.root = root;
  },
  callOn: (tab) => void callOn(tab),
  async stopCalling() {
    state.isCalling = false;
    await new Promise((resolve) => setTimeout(resolve, 0));
    return state;
  },
});
globalThis.isReady = true;
`;

const html = (policy: string): string =>
  `<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy.replace(/"/g, '&quot;')}">` +
  `<title>app</title><script type="module" src="./app.js"></script>`;

export type Site = {
  origin: string;
  port: number;
  close: () => Promise<void>;
};

/** `/` is this release; `/next/` is the same app, built with a later one, `/elder/` with an earlier one. */
export async function serveSite(): Promise<Site> {
  const keeper = await bundleOf('keeper.vat.js');
  const files: { [file: string]: string } = {
    ...Object.fromEntries(
      ['entries/index.js', 'page/client.js', 'page/ports.js', 'page/tabs.js'].map((part) => [
        `vatkit/${part}`,
        dist(part),
      ]),
    ),
    'kernel.worker.js': dist('entries/worker.js'),
    'vat-sandbox.html': dist('vat-sandbox.html'),
    'app.js': app,
  };
  const releases: { [folder: string]: (text: string) => string } = {
    '/': (text) => text,
    '/next/': (text) => text.replaceAll('vatkit 0.0.0', 'vatkit 0.1.0'),
  };
  const send = (response: ServerResponse, type: string, text: string, policy?: string): void => {
    response.writeHead(200, {
      'content-type': type,
      'cache-control': 'no-cache',
      ...(policy !== undefined && { 'content-security-policy': policy }),
    });
    response.end(text);
  };
  const server: Server = createServer(({ url = '/' }, response) => {
    const { pathname } = new URL(url, 'http://localhost');
    const folder = pathname.startsWith('/next/') ? '/next/' : '/';
    const file = pathname.slice(folder.length);
    const release = releases[folder] as (text: string) => string;
    if (pathname === '/keeper.bundle') return send(response, 'application/json', keeper);
    if (file === '') return send(response, 'text/html', html(pagePolicy), pagePolicy);
    if (!Object.hasOwn(files, file)) return void response.writeHead(404).end();
    const text = release(files[file] as string);
    const type = file.endsWith('.html') ? 'text/html' : 'text/javascript';
    send(response, type, text, file === 'kernel.worker.js' ? workerPolicy : undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `http://localhost:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

export function startBrowser(args: string[] = []): Promise<Browser> {
  const executablePath = findChromium();
  return chromium.launch({
    ...(executablePath !== undefined && { executablePath }),
    args: [...chromiumArguments, ...args],
    // Pages go into the cache of the back button as they do for users.
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  });
}

export type Tab = { id: number; page: Page; problems: string[] };

/** What the app puts on its global object. */
export type App = {
  vatkit: typeof import('@vatkit/sdk');
  client: import('@vatkit/sdk').KernelClient;
  root: { readonly [method: string]: (...args: unknown[]) => Promise<unknown> };
  state: { workers: number; results: string[]; errors: string[]; isCalling: boolean };
  launch: () => Promise<void>;
  callOn: (tab: string) => void;
  stopCalling: () => Promise<App['state']>;
  isReady?: true;
  /** What a test keeps in the page. */
  kept?: unknown;
};

/** Tabs of one profile, which know who of them made the last worker. */
export function makeTabsOf(context: BrowserContext, origin: string) {
  let last = 0;
  let leader: Tab | undefined;
  const all = new Set<Tab>();
  return {
    all,
    leader: (): Tab => leader as Tab,
    async open(path = '/'): Promise<Tab> {
      const page = await context.newPage();
      const tab: Tab = { id: (last += 1), page, problems: [] };
      all.add(tab);
      page.on('console', (message) => {
        if (message.type() === 'error') tab.problems.push(message.text());
      });
      page.on('pageerror', (error) => tab.problems.push(String(error)));
      await page.exposeFunction('leads', () => void (leader = tab));
      await page.goto(`${origin}${path}`);
      await page.waitForFunction('globalThis.isReady');
      return tab;
    },
    /** As the user closes it, without a word to its scripts. */
    async close(tab: Tab): Promise<void> {
      all.delete(tab);
      await tab.page.close();
    },
    /** As when its process dies. */
    async crash(tab: Tab): Promise<void> {
      all.delete(tab);
      const session = await context.newCDPSession(tab.page);
      const crashed = new Promise((resolve) => tab.page.once('crash', resolve));
      session.send('Page.crash').catch(() => undefined);
      await crashed;
      await tab.page.close();
    },
  };
}
