/** Files of this run, gone with it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const dir = mkdtempSync(join(tmpdir(), 'vatkit-bench-'));
let files = 0;

export const newFile = (extension = 'db') => join(dir, `${(files += 1)}.${extension}`);

export const cleanScratch = () => rmSync(dir, { recursive: true, force: true });
