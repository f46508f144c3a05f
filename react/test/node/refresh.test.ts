/** Edits of components and of their vat, in a real dev server with React's Fast Refresh, and a page of a real browser. */
import { writeFileSync } from 'node:fs';
import react from '@vitejs/plugin-react';
import type { Page } from 'playwright';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { vatkit } from '@vatkit/codegen/vite';
import { startDevServer, type DevServer } from '../../../codegen/test/dev-server.js';
import { makeFixture } from '../../../codegen/test/fixture.js';

const vat = (unit: string): string =>
  `import { makeDefaultExo, prepareExoClass, type Baggage } from '@vatkit/sdk/vat';
export function buildRootObject(_powers: unknown, _parameters: unknown, baggage: Baggage) {
  if (!baggage.has('cups')) baggage.init('cups', []);
  const makeCup = prepareExoClass(baggage, 'Cup', undefined, (of: string) => ({ of }), {
    of() { return this.state.of; },
  });
  return makeDefaultExo('bar', {
    /** @query */
    count: () => \`\${baggage.get('cups').length} ${unit}\`,
    /** @query */
    cups: (): ReturnType<typeof makeCup>[] => baggage.get('cups'),
    serve(of: string) { baggage.set('cups', [...baggage.get('cups'), makeCup(of)]); },
  });
}
`;

const app = (title: string): string =>
  `import { useState } from 'react';
import { useSubcluster, useVatCall, useVatMutation } from '@vatkit/react';
import { bar, BarRoot } from './bar.vat.gen.js';
export function App() {
  const [of, setOf] = useState('');
  const { data: sub } = useSubcluster(bar);
  const { data: count } = useVatCall(BarRoot.count, { on: sub?.root });
  const { data: cups } = useVatCall(BarRoot.cups, { on: sub?.root });
  const { send } = useVatMutation(BarRoot.serve, { on: sub?.root });
  return (
    <main>
      <h1>${title}</h1>
      <input value={of} onChange={(event) => setOf(event.target.value)} />
      <button onClick={() => void send(of)}>Serve</button>
      <p>{count} {cups?.length}</p>
    </main>
  );
}
`;

const files = {
  'package.json': '{ "type": "module" }',
  'index.html': '<div id="app"></div><script type="module" src="/src/main.tsx"></script>',
  'src/kernel.worker.ts': "import '@vatkit/sdk/worker';\n",
  'src/main.tsx': `import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { createKernel } from '@vatkit/sdk';
import { KernelProvider } from '@vatkit/react';
import { App } from './app.tsx';
const worker = () => new Worker(new URL('./kernel.worker.ts', import.meta.url), { type: 'module' });
const kernel = createKernel({ worker, name: 'refresh' });
Object.assign(globalThis, {
  held: async () => (await kernel.admin.getObjects()).objects.map(({ kref, holders }) => [kref, holders]),
  vats: () => kernel.status.vats.map(({ name }) => name),
});
createRoot(document.getElementById('app')!).render(
  <StrictMode><KernelProvider kernel={kernel}><App /></KernelProvider></StrictMode>,
);
`,
  'src/app.tsx': app('Bar'),
  'src/bar.vat.ts': vat('cups'),
};

let at: ReturnType<typeof makeFixture>;
let server: DevServer;
let page: Page;
const patience = { timeout: 20_000, interval: 100 };
const text = (selector: string): Promise<string | null> => page.textContent(selector);

beforeAll(async () => {
  at = makeFixture(files);
  server = await startDevServer(at, {
    packages: {
      '@vatkit/sdk': 'sdk',
      '@vatkit/react': 'react',
      react: 'node_modules/react',
      'react-dom': 'node_modules/react-dom',
      '@tanstack/react-query': 'node_modules/@tanstack/react-query',
    },
    plugins: [vatkit(), react()],
    include: [
      'react',
      'react/jsx-runtime',
      'react/jsx-dev-runtime',
      'react-dom/client',
      '@tanstack/react-query',
    ],
  });
  page = await server.browser.newPage();
  await page.goto(server.url);
}, 60_000);

afterAll(() => server.close());

it('an edited component goes on with its state, its refs and its subcluster', async () => {
  await expect.poll(() => text('p'), patience).toBe('0 cups 0');
  await page.evaluate(() => Object.assign(globalThis, { isSame: true }));
  await page.fill('input', 'tea');
  await page.click('button');
  await expect.poll(() => text('p'), patience).toBe('1 cups 1');
  const inPage = (name: string): Promise<unknown> =>
    page.evaluate((each) => (globalThis as never as Record<string, () => unknown>)[each]?.(), name);
  const held = await inPage('held');
  for (const title of ['Tea room', 'Café']) {
    writeFileSync(at('src/app.tsx'), app(title));
    await expect.poll(() => text('h1'), patience).toBe(title);
    expect(await page.inputValue('input')).toBe('tea');
    await expect.poll(() => text('p'), patience).toBe('1 cups 1');
  }
  expect(await inPage('vats')).toStrictEqual(['bar']);
  await expect.poll(() => inPage('held'), patience).toStrictEqual(held);

  writeFileSync(at('src/bar.vat.ts'), vat('mugs'));
  await expect.poll(() => text('p'), patience).toBe('1 mugs 1');
  await page.click('button');
  await expect.poll(() => text('p'), patience).toBe('2 mugs 2');
  expect(await page.inputValue('input')).toBe('tea');
  expect(await text('h1')).toBe('Café');
  expect(await page.evaluate(() => 'isSame' in globalThis)).toBe(true);
}, 60_000);
