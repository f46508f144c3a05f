/** Edits of vats in a real dev server, with tabs of a real browser that share one kernel. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Page } from 'playwright';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { vatkit } from '@vatkit/codegen/vite';
import { startDevServer, type DevServer } from './dev-server.js';
import { makeFixture } from './fixture.js';

/** It counts how often it was built, so that an upgrade that came twice shows. */
const vat = (greeting: string, line = ''): string =>
  `import { makeDefaultExo, prepareExoClass, type Baggage } from '@vatkit/sdk/vat';
export function buildRootObject(_powers: unknown, _parameters: unknown, baggage: Baggage) {
  if (!baggage.has('builds')) baggage.init('builds', 0);
  baggage.set('builds', Number(baggage.get('builds')) + 1);
  ${line}
  const makeNote = prepareExoClass(baggage, 'Note', undefined, (text: string) => ({ text }), {
    read() { return this.state.text; },
  });
  return makeDefaultExo('greeter', {
    greet: () => '${greeting}',
    builds: () => Number(baggage.get('builds')),
    note: (text: string) => makeNote(text),
  });
}
`;

const files = {
  'package.json': '{ "type": "module" }',
  'index.html': '<input id="field"><script type="module" src="/src/main.ts"></script>',
  'src/kernel.worker.ts': "import '@vatkit/sdk/worker';\n",
  'src/main.ts': `import { createKernel } from '@vatkit/sdk';
import { greeter } from './greeter.vat.gen.js';
const worker = () => new Worker(new URL('./kernel.worker.ts', import.meta.url), { type: 'module' });
const kernel = createKernel({ worker, name: 'hot' });
const { root } = await kernel.launch(greeter);
const note = await root.note('kept');
Object.assign(globalThis, {
  greet: () => root.greet(), builds: () => root.builds(), read: () => note.read(),
  launch: async () => (await kernel.launch(greeter)).action,
});
`,
  'src/greeter.vat.ts': vat('hello'),
};

let at: ReturnType<typeof makeFixture>;
let server: DevServer;
let tabs: Page[];

const call = (tab: Page | undefined, name: string): Promise<unknown> =>
  tab?.evaluate(
    (method) => (globalThis as never as Record<string, () => unknown>)[method]?.(),
    name,
  ) ?? Promise.reject(Error('no such tab'));
const inTabs = (name: string): Promise<unknown[]> =>
  Promise.all(tabs.map((tab) => call(tab, name)));
const edit = (text: string): void => writeFileSync(at('src/greeter.vat.ts'), text);
const patience = { timeout: 20_000, interval: 200 };

beforeAll(async () => {
  at = makeFixture(files);
  server = await startDevServer(at, { packages: { '@vatkit/sdk': 'sdk' }, plugins: [vatkit()] });
  const context = await server.browser.newContext();
  tabs = [await context.newPage(), await context.newPage()];
  for (const tab of tabs) {
    await tab.goto(server.url);
    await tab.waitForFunction(() => 'launch' in globalThis);
    await tab.fill('#field', 'typed');
  }
}, 60_000);

afterAll(() => server.close());

it('an edit upgrades the running vat, once over all tabs', { timeout: 60_000 }, async () => {
  expect(await inTabs('builds')).toStrictEqual([1, 1]);
  edit(vat('good day'));
  await expect.poll(() => inTabs('greet'), patience).toStrictEqual(['good day', 'good day']);
  expect(await inTabs('builds')).toStrictEqual([2, 2]);
  expect(await inTabs('read')).toStrictEqual(['kept', 'kept']);
  for (const tab of tabs) expect(await tab.inputValue('#field')).toBe('typed');
  // What the page has loaded is older than what runs.
  expect(await call(tabs[0], 'launch')).toBe('joined');
});

it(
  'new code that fails leaves the old, and the overlay shows where',
  { timeout: 60_000 },
  async () => {
    edit(vat('never', "throw Error('not today');"));
    for (const tab of tabs) {
      const overlay = tab.locator('vite-error-overlay');
      await overlay.waitFor({ state: 'attached', timeout: 20_000 });
      const message = await overlay.locator('.message').textContent();
      expect(message).toMatch(
        /greeter did not start with its new code, and the old goes on: .*not today/,
      );
      expect(await overlay.locator('.file').textContent()).toContain(
        `${at('src/greeter.vat.ts')}:5:`,
      );
    }
    expect(await inTabs('greet')).toStrictEqual(['good day', 'good day']);
    expect(await inTabs('builds')).toStrictEqual([2, 2]);
    expect(await inTabs('launch')).toStrictEqual(['joined', 'joined']);
  },
);

it('an edit that is taken back goes back', { timeout: 60_000 }, async () => {
  edit(vat('hello'));
  await expect.poll(() => inTabs('greet'), patience).toStrictEqual(['hello', 'hello']);
  expect(await inTabs('builds')).toStrictEqual([3, 3]);
  expect(readFileSync(at('src/greeter.vat.gen.js'), 'utf8')).not.toContain('vatkit-bundle');
});
