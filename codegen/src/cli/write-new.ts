import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { displayPath } from '../bundler/problems.js';
import type { Terminal } from './command.js';

/** Writes files, and says which. Those that are there stay as they are. */
export async function writeNew(
  dir: string,
  files: Readonly<Record<string, string>>,
  terminal: Terminal,
): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(dir, name);
    await mkdir(dirname(path), { recursive: true });
    try {
      await writeFile(path, content, { flag: 'wx' });
      terminal.out(`Wrote ${displayPath(path)}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      terminal.out(`Left ${displayPath(path)} as it is`);
    }
  }
}
