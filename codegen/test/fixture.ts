import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';

const made: string[] = [];

afterAll(() => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
});

/** Writes files into a new folder, away from the repository's node_modules. Removed after the tests. */
export function makeFixture(files: Record<string, string>): (...names: string[]) => string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'vatkit-codegen-')));
  made.push(dir);
  for (const [name, text] of Object.entries(files)) {
    const file = join(dir, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return (...names) => join(dir, ...names);
}
