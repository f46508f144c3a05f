/** What `vatkit init` and `vatkit create` write. */
import { version } from './version.js';

/** A first vat. */
export const vatFiles: Readonly<Record<string, string>> = {
  'src/vats/counter.vat.ts': `import { makeDefaultExo, type Baggage } from '@vatkit/sdk/vat';

/** A counter that remembers. */
export function buildRootObject(_vatPowers: unknown, _parameters: unknown, baggage: Baggage) {
  if (!baggage.has('count')) baggage.init('count', 0);
  const count = (): number => baggage.get('count');
  return makeDefaultExo('counter', {
    /**
     * What it has come to.
     * @query
     */
    count,
    /** Adds to it, and gives the sum. */
    increment(by: number) {
      baggage.set('count', count() + by);
      return count();
    },
  });
}
`,
  'src/kernel.worker.ts': "import '@vatkit/sdk/worker';\n",
  'src/kernel.ts': `import { createKernel } from '@vatkit/sdk';

export const kernel = createKernel({
  worker: () => new Worker(new URL('./kernel.worker.ts', import.meta.url), { type: 'module' }),
  name: 'app',
});
`,
};

/** An app around it. */
export const appFiles = (name: string): Readonly<Record<string, string>> => ({
  'package.json': `${JSON.stringify(
    {
      name,
      private: true,
      type: 'module',
      scripts: {
        dev: 'vite',
        build: 'vatkit generate && tsc && vite build',
        check: 'vatkit generate --check',
      },
      dependencies: {
        '@tanstack/react-query': '^5.90.0',
        '@vatkit/react': `^${version()}`,
        '@vatkit/sdk': `^${version()}`,
        react: '^19.0.0',
        'react-dom': '^19.0.0',
      },
      devDependencies: {
        '@types/react': '^19.0.0',
        '@types/react-dom': '^19.0.0',
        '@vatkit/codegen': `^${version()}`,
        '@vitejs/plugin-react': '^6.0.0',
        typescript: '^6.0.0',
        vite: '^8.0.0',
      },
    },
    null,
    2,
  )}\n`,
  'tsconfig.json': `${JSON.stringify(
    {
      compilerOptions: {
        target: 'ES2022',
        module: 'ESNext',
        moduleResolution: 'Bundler',
        lib: ['ES2023', 'DOM', 'DOM.Iterable'],
        types: ['vite/client'],
        jsx: 'react-jsx',
        strict: true,
        noEmit: true,
        skipLibCheck: true,
        verbatimModuleSyntax: true,
      },
      include: ['src'],
    },
    null,
    2,
  )}\n`,
  '.gitignore': 'node_modules/\ndist/\n*.vat.bundle\n',
  'vite.config.ts': `import { vatkit } from '@vatkit/codegen/vite';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({ plugins: [vatkit(), react()] });
`,
  'index.html': `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>${name}</title>
  </head>
  <body>
    <div id="root"></div>
    <script type="module" src="/src/main.tsx"></script>
  </body>
</html>
`,
  'src/main.tsx': `import { KernelProvider } from '@vatkit/react';
import { createRoot } from 'react-dom/client';
import { App } from './App.js';
import { kernel } from './kernel.js';

createRoot(document.getElementById('root') as HTMLElement).render(
  <KernelProvider kernel={kernel}>
    <App />
  </KernelProvider>,
);
`,
  'src/App.tsx': `import { useSubcluster, useVatCall, useVatMutation } from '@vatkit/react';
import { CounterRoot, counter } from './vats/counter.vat.gen.js';

export function App() {
  const { data: sub } = useSubcluster(counter);
  const count = useVatCall(CounterRoot.count, { on: sub?.root, args: [] });
  const increment = useVatMutation(CounterRoot.increment, { on: sub?.root });
  return <button onClick={() => increment.send(1)}>{count.data ?? '...'}</button>;
}
`,
});
