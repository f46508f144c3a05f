/**
 * An app as it is deployed: static files of the built packages, a strict Content-Security-Policy, no bundler. Its pages
 * are driven by Playwright, in a Chromium of their own.
 */
import { readFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { chromium, type BrowserContext, type Page } from 'playwright';
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
const parameters = new URLSearchParams(location.search);
const name = parameters.get('name') ?? 'app';
const state = { workers: 0, results: [], errors: [], isCalling: false };
const client = vatkit.createKernel({
  name,
  ...(parameters.has('hardened') && { sandbox: () => './vat-sandbox.html' }),
  worker() {
    state.workers += 1;
    globalThis.leads?.();
    return new Worker('./' + (parameters.get('worker') ?? 'kernel') + '.worker.js', { type: 'module' });
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
  /** Another vat like it. */
  async launchAs(name) {
    await client.launch(keeper, { as: name });
    return (await client.admin.getVatIds()).at(-1);
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

const html =
  '<!doctype html><meta charset="utf-8"><title>app</title><script type="module" src="./app.js"></script>';

/** A browser that gives its workers no files, as in private windows of some. */
const noFiles = 'delete FileSystemFileHandle.prototype.createSyncAccessHandle;';
const withoutFiles = `import './no-files.js'; import './kernel.worker.js';`;

type Files = { readonly [file: string]: string };
/** `part`: what the files' names begin with. The text must be in one place of one of them. */
type Replacement = [part: string, from: string, to: string];
const page = 'vatkit/';
const worker = 'kernel.worker.js';
const releaseOf = (release: string): Replacement[] =>
  [page, worker].map((part) => [part, 'vatkit 0.0.0', release]);

/** How other builds than this one differ from it. */
const builds: { readonly [folder: string]: Replacement[] } = {
  '/next/': releaseOf('vatkit 0.1.0'),
  // Its store has another schema, too.
  '/future/': [
    ...releaseOf('vatkit 1.0.0'),
    [page, '.schema>1', '.schema>2'],
    [worker, 'schema:1}', 'schema:2}'],
    [worker, 'value TEXT NOT NULL)")]', 'value TEXT NOT NULL)"),()=>{}]'],
  ],
  // Has less patience with a leader that says nothing, so that a test need not have it.
  '/hasty/': [[page, '>15e3', '>3e3']],
  // Tells when it evaluates libp2p.
  '/counting/': [
    [worker, 'function load(){const ', 'function load(){globalThis.libp2pIsLoaded=true;const '],
  ],
};

function changed(files: Files, replacements: Replacement[]): Files {
  const all = { ...files };
  for (const [part, from, to] of replacements) {
    const found = Object.keys(all).filter((file) => file.startsWith(part));
    const [first, ...more] = found.filter((file) => all[file]?.includes(from));
    const [before = '', after, again] = all[first ?? '']?.split(from) ?? [];
    if (first === undefined || after === undefined || again !== undefined || more.length > 0)
      throw new Error(`a test needs ${from} once in ${part}`);
    all[first] = before + to + after;
  }
  return all;
}

/** The page's client, with all that it loads. */
function clientFiles(file = 'entries/index.js', found: { [file: string]: string } = {}): Files {
  if (found[page + file] !== undefined) return found;
  const text = (found[page + file] = dist(file));
  for (const [, specifier = ''] of text.matchAll(/(?:from|import\(?) ?["'](\.[^"']+\.js)["']/g))
    clientFiles(new URL(specifier, `file:///${file}`).pathname.slice(1), found);
  return found;
}

export type Site = {
  /** Another one each time, with files of its own. */
  newOrigin: () => string;
  port: number;
  close: () => Promise<void>;
};

/**
 * An app of one page at `/`, and the same app of other builds in folders.
 *
 * @param more - further folders, with their files: `{ '/vite/': { 'index.html': …, 'assets/index.js': … } }`.
 */
export async function serveSite(more: { readonly [folder: string]: Files } = {}): Promise<Site> {
  const keeper = await bundleOf('keeper.vat.js');
  const own: Files = {
    ...clientFiles(),
    [worker]: dist('entries/worker.js'),
    'no-files.js': noFiles,
    'without-files.worker.js': withoutFiles,
    'vat-sandbox.html': dist('vat-sandbox.html'),
    'app.js': app,
    'index.html': html,
  };
  const folders: { [folder: string]: Files } = { ...more };
  for (const [folder, replacements] of Object.entries(builds))
    folders[folder] = changed(own, replacements);
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
    const folder = Object.keys(folders).find((each) => pathname.startsWith(each)) ?? '/';
    const file = pathname.slice(folder.length) || 'index.html';
    const text = (folders[folder] ?? own)[file];
    if (pathname === '/keeper.bundle') return send(response, 'application/json', keeper);
    if (text === undefined) return void response.writeHead(404).end();
    if (file === 'index.html') return send(response, 'text/html', text, pagePolicy);
    // It has a policy of its own.
    if (file === 'vat-sandbox.html') return send(response, 'text/html', text);
    // A page's scripts have the page's policy.
    send(response, 'text/javascript', text, workerPolicy);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  let origins = 0;
  return {
    port,
    newOrigin: () => `http://site-${(origins += 1)}.localhost:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/**
 * A browser as a user has it: its files are on the disk. Another context that Playwright makes is a private window, whose
 * files are in the memory of the browser's process.
 *
 * @param profile - a folder, which a later browser may be given again.
 */
export function startBrowser(profile: string, args: string[] = []): Promise<BrowserContext> {
  const executablePath = findChromium();
  return chromium.launchPersistentContext(profile, {
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
  launchAs: (name: string) => Promise<string>;
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
