/**
 * The kernel's behaviour as scripts: `golden/*.txt`, see `golden/script.ts`.
 *
 * `VATKIT_GOLDEN=write npx vitest run sdk/src/kernel/golden.test.ts` writes what comes out into the files; read the
 * difference before you keep it.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runSection, splitScript } from './golden/script.js';

const folder = new URL('golden/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.txt'));

describe.each(files)('%s', (name) => {
  const file = new URL(name, folder);
  const { head, sections } = splitScript(readFileSync(file, 'utf8'));

  if (process.env.VATKIT_GOLDEN === 'write') {
    it('is written', () => {
      writeFileSync(file, head + sections.map(({ text }) => runSection(text)).join(''));
    });
    return;
  }

  it.each(sections)('$name', ({ text }) => {
    expect(text).not.toMatch(/^!! /m);
    expect(runSection(text)).toBe(text);
    // What is committed and when changes nothing, but for what a crash loses.
    if (!text.includes('\n> crash')) expect(runSection(text, { commitEach: true })).toBe(text);
  });
});
