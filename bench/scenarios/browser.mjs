/** The same page with a kernel and with Comlink, in Chromium: its first answer, and calls. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright';
import { chromiumArguments, findChromium } from '../../scripts/chromium.mjs';
import { serveFiles } from '../floors/static-site.mjs';
import { cluster } from '../kernels.mjs';
import { floor, ours } from '../rows.mjs';
import { newFile } from '../scratch.mjs';

/** What a page loads of the client, beside its entry. */
const built = new URL('../page/', import.meta.resolve('@vatkit/sdk'));
const read = (specifier) => readFileSync(fileURLToPath(import.meta.resolve(specifier)), 'utf8');

const html = (script) => `<!doctype html><script type="module" src="${script}"></script>`;
const comlinkPage = `
  import * as Comlink from './comlink.js';
  const worker = location.search === '?relay' ? './comlink-relay.js' : './comlink-worker.js';
  globalThis.remote = Comlink.wrap(new Worker(worker, { type: 'module' }));
  await remote.answer();
  globalThis.firstAnswer = performance.now();`;
const comlinkWorker = `
  import * as Comlink from './comlink.js';
  Comlink.expose({ answer: () => 42 });`;
/** As far as a vat is from its page. */
const comlinkRelay = `
  import * as Comlink from './comlink.js';
  const inner = Comlink.wrap(new Worker('./comlink-worker.js', { type: 'module' }));
  Comlink.expose({ answer: () => inner.answer() });`;
const kernelPage = `
  import { createKernel } from './vatkit/entries/index.js';
  const client = createKernel({
    name: new URLSearchParams(location.search).get('name'),
    worker: () => new Worker('./kernel.worker.js', { type: 'module' }),
  });
  const config = await (await fetch('./config.json')).json();
  const { root } = await client.launch({ name: 'counter', config });
  await root.answer();
  globalThis.remote = root;
  globalThis.firstAnswer = performance.now();`;

/** One browser and one site for all subjects of a group. */
function makeSite() {
  let opened;
  let users = 0;
  const open = async () => {
    const script = (text) => ({ type: 'text/javascript', text });
    const page = (name) => ({ type: 'text/html', text: html(name) });
    const executablePath = findChromium();
    // With files on the disk: what else Playwright opens is a private window, where each write is a message to the browser.
    const context = await chromium.launchPersistentContext(newFile('profile'), {
      ...(executablePath !== undefined && { executablePath }),
      args: chromiumArguments,
    });
    const site = await serveFiles({
      '/comlink': page('./comlink-page.js'),
      '/kernel': page('./kernel-page.js'),
      '/comlink-page.js': script(comlinkPage),
      '/kernel-page.js': script(kernelPage),
      '/comlink-worker.js': script(comlinkWorker),
      '/comlink-relay.js': script(comlinkRelay),
      '/comlink.js': script(read('comlink/dist/esm/comlink.min.mjs')),
      ...Object.fromEntries(
        [
          'entries/index.js',
          ...readdirSync(built).flatMap((name) => (name.endsWith('.js') ? `page/${name}` : [])),
        ].map((path) => [
          `/vatkit/${path}`,
          script(readFileSync(new URL(`../${path}`, built), 'utf8')),
        ]),
      ),
      '/kernel.worker.js': script(read('@vatkit/sdk/worker')),
      '/config.json': {
        type: 'application/json',
        text: JSON.stringify(await cluster('counter', 1)),
      },
    });
    return { site, context };
  };
  return {
    async take() {
      users += 1;
      opened ??= open();
      return opened;
    },
    async leave() {
      users -= 1;
      if (users > 0) return;
      const { site, context } = await opened;
      opened = undefined;
      await context.close();
      await site.close();
    },
  };
}

let names = 0;
const newName = () => `bench-${Date.now()}-${(names += 1)}`;

async function firstAnswer(page) {
  await page.waitForFunction('globalThis.firstAnswer !== undefined');
  return page.evaluate('firstAnswer');
}

const start = (site, key, pathOf) => async () => {
  const { site: served, context } = await site.take();
  return {
    async sample(meter) {
      const page = await context.newPage();
      await page.goto(`${served.origin}${pathOf()}`);
      meter.record(`${key}.cold`, await firstAnswer(page));
      await page.reload();
      meter.record(`${key}.reload`, await firstAnswer(page));
      await page.close();
    },
    close: site.leave,
  };
};

const CALLS = { quick: 200, full: 1_000 };

const calls = (site, key, pathOf) => async () => {
  const { site: served, context } = await site.take();
  const page = await context.newPage();
  await page.goto(`${served.origin}${pathOf()}`);
  await firstAnswer(page);
  return {
    async sample(meter, effort) {
      const count = CALLS[effort];
      const ms = await page.evaluate(async (times) => {
        const begun = performance.now();
        for (let i = 0; i < times; i += 1) await globalThis.remote.answer();
        return performance.now() - begun;
      }, count);
      meter.record(key, ms / count);
    },
    async close() {
      await page.close();
      await site.leave();
    },
  };
};

const comlinkPath = () => '/comlink';
const kernelPath = () => `/kernel?name=${newName()}`;
const starts = makeSite();
const talks = makeSite();

export const browserGroups = [
  {
    name: 'browser-start',
    title: 'a page in Chromium, from its navigation to the first answer',
    unit: 'start',
    rounds: { quick: 3, full: 7 },
    rows: [
      floor('comlink.cold', 'Comlink'),
      floor('comlink.reload', 'Comlink, reload'),
      ours('kernel.cold', 'new store, launch, call', 'comlink.cold'),
      ours('kernel.reload', 'reload: store, session, call', 'comlink.reload'),
    ],
    subjects: [start(starts, 'comlink', comlinkPath), start(starts, 'kernel', kernelPath)],
  },
  {
    name: 'browser-calls',
    title: 'calls from a page in Chromium, one after another',
    unit: 'call',
    perSecond: true,
    rounds: { quick: 3, full: 7 },
    rows: [
      floor('comlink', 'Comlink'),
      floor('relay', 'Comlink through a worker'),
      ours('kernel', 'method, file', 'relay'),
    ],
    subjects: [
      calls(talks, 'comlink', comlinkPath),
      calls(talks, 'relay', () => '/comlink?relay'),
      calls(talks, 'kernel', kernelPath),
    ],
  },
];
