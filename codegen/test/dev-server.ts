/** Files of a test in a dev server of Vite's, and a real browser to look at them. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser } from 'playwright';
import { createServer, type PluginOption } from 'vite';
import { chromiumArguments, findChromium } from '../../scripts/chromium.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

export type DevServerOptions = {
  /** By the names of packages, where they are in this repository. */
  packages: Record<string, string>;
  plugins: PluginOption[];
  /** What is optimized beforehand: found late it would be in the midst of a test, which reloads the page. */
  include?: string[];
};

export type DevServer = { url: string; browser: Browser; close: () => Promise<void> };

/** @param at - of {@link makeFixture}. */
export async function startDevServer(
  at: (...names: string[]) => string,
  { packages, plugins, include = [] }: DevServerOptions,
): Promise<DevServer> {
  for (const [name, place] of Object.entries(packages)) {
    const link = at('node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, place), link);
  }
  const server = await createServer({
    root: at(),
    configFile: false,
    logLevel: 'silent',
    plugins,
    optimizeDeps: { include },
    // The packages are links to this repository.
    server: { port: 0, host: '127.0.0.1', fs: { allow: [at(), root] } },
  });
  await server.listen();
  const executablePath = findChromium();
  const browser = await chromium.launch({
    args: chromiumArguments,
    ...(executablePath !== undefined && { executablePath }),
  });
  return {
    url: server.resolvedUrls?.local[0] ?? '',
    browser,
    async close() {
      await browser.close();
      await server.close();
    },
  };
}
