/** The smallest example is what it says, and counts on after a reload. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright';
import { expect, it } from 'vitest';
import { build, preview } from 'vite';
import { chromiumArguments, findChromium } from '../../scripts/chromium.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));

it('has fewer than 60 lines in all', () => {
  const written = readdirSync(here).filter((name) => /\.(?:html|js)$/.test(name));
  const sources = written.filter((name) => !name.includes('.gen.'));
  const lines = sources.flatMap((name) =>
    readFileSync(join(here, name), 'utf8').trimEnd().split('\n'),
  );
  expect(sources).toHaveLength(5);
  expect(lines.length).toBeLessThan(60);
});

it('counts, and goes on after a reload', { timeout: 180_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vatkit-smallest-'));
  const configFile = join(here, 'vite.config.js');
  const outDir = join(folder, 'dist');
  await build({ configFile, logLevel: 'error', build: { outDir, target: 'es2022' } });
  const server = await preview({
    configFile,
    logLevel: 'error',
    build: { outDir },
    preview: { port: 0 },
  });
  const executablePath = findChromium();
  const browser = await chromium.launch({
    ...(executablePath !== undefined && { executablePath }),
    args: chromiumArguments,
  });
  try {
    const page = await browser.newPage();
    const count = (value: string) =>
      page.locator('output', { hasText: value }).waitFor({ timeout: 60_000 });
    await page.goto(server.resolvedUrls?.local[0] ?? '');
    await count('0');
    await page.getByRole('button').click();
    await count('1');
    await page.reload();
    await count('1');
    await page.getByRole('button').click();
    await count('2');
  } finally {
    await browser.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
