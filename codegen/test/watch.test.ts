/** `vatkit watch` and `vatkit start`, on files as editors write them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { makeFixture } from './fixture.js';

vi.setConfig({ testTimeout: 90_000 });

const program = fileURLToPath(new URL('../bin/vatkit.mjs', import.meta.url));
const patience = { timeout: 30_000, interval: 20 };

const children = new Set<ChildProcess>();
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
});

function begin(cwd: string, args: string[]) {
  const child = spawn(process.execPath, [program, ...args], { cwd });
  children.add(child);
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  /** The lines of what was said since, with numbers as N. */
  const lines = (from = 0) => said.out.slice(from).replace(/\d+/g, 'N').split('\n').slice(0, -1);
  return { child, said, ended, lines };
}

const vat = (word: string) => `export const buildRootObject = () => '${word}';\n`;
const wrote = (name: string) => `Wrote ${name}: N bytes`;

async function watch(files: Record<string, string>, command = 'watch', ...options: string[]) {
  const at = makeFixture(files);
  const run = begin(at(), [command, 'vats', ...options]);
  await expect.poll(() => run.said.out + run.said.err, patience).toContain('Watching vats');
  const { said, lines } = run;
  /** Does what stirs, and waits until just this has been said on its account. */
  const after = async (stir: () => void, ...expected: string[]) => {
    const from = said.out.length;
    stir();
    await expect.poll(() => lines(from).sort(), patience).toStrictEqual(expected.sort());
  };
  const write = (name: string, text: string) => () => writeFileSync(at(name), text);
  /** As editors save: a new file in the place of the old. */
  const replace = (name: string, text: string) => () => {
    writeFileSync(at(`${name}~`), text);
    renameSync(at(`${name}~`), at(name));
  };
  const code = (name: string) =>
    (JSON.parse(readFileSync(at(name), 'utf8')) as { code: string }).code;
  return { ...run, at, after, write, replace, code };
}

describe('vatkit watch', () => {
  it('bundles .js and .ts files, then those that change, however they are saved', async () => {
    const { said, lines, after, write, replace, code } = await watch({
      'vats/a.js': vat('one'),
      'vats/b.ts': 'const word: string = "two"; export const buildRootObject = () => word;',
      'vats/below/c.vat.ts': vat('three'),
      'vats/helper.js': 'export const x = 1;',
      'vats/a.test.ts': vat('test'),
      'vats/node_modules/p/d.js': vat('package'),
      'vats/.hidden/e.js': vat('hidden'),
    });
    expect(lines()).toStrictEqual([
      wrote('vats/a.bundle'),
      wrote('vats/b.bundle'),
      wrote('vats/below/c.vat.bundle'),
      'Watching vats',
    ]);
    await after(write('vats/a.js', vat('changed')), wrote('vats/a.bundle'));
    expect(code('vats/a.bundle')).toContain('changed');
    for (const word of ['first', 'second', 'third']) {
      await after(replace('vats/b.ts', vat(word)), wrote('vats/b.bundle'));
      expect(code('vats/b.bundle')).toContain(word);
    }
    await after(write('vats/below/c.vat.ts', vat('deep')), wrote('vats/below/c.vat.bundle'));
    expect(said.err).toBe('');
  });

  it('takes new files and folders, and removes the bundle of a source that is gone', async () => {
    const { at, after, write } = await watch({ 'vats/a.js': vat('one') });
    await after(write('vats/b.ts', vat('two')), wrote('vats/b.bundle'));
    await after(() => {
      mkdirSync(at('vats/x/y'), { recursive: true });
      writeFileSync(at('vats/x/y/c.js'), vat('three'));
    }, wrote('vats/x/y/c.bundle'));
    await after(write('vats/x/y/c.js', vat('four')), wrote('vats/x/y/c.bundle'));
    await after(() => rmSync(at('vats/b.ts')), 'Removed vats/b.bundle');
    expect(existsSync(at('vats/b.bundle'))).toBe(false);
    await after(write('vats/b.ts', vat('back')), wrote('vats/b.bundle'));
    await after(
      () => renameSync(at('vats/b.ts'), at('vats/n.ts')),
      'Removed vats/b.bundle',
      wrote('vats/n.bundle'),
    );
    await after(() => rmSync(at('vats/x'), { recursive: true }));
    await after(write('vats/a.js', vat('still')), wrote('vats/a.bundle'));
    expect(existsSync(at('vats/a.bundle'))).toBe(true);
  });

  it('bundles a vat when what it imports changes', async () => {
    const { after, write, code } = await watch({
      'vats/a.js': `import { word } from './words.js'; export const buildRootObject = () => word;`,
      'vats/b.js': `import { buildRootObject as a } from './a.js';
        export const buildRootObject = () => a() + 'b';`,
      'vats/c.js': vat('alone'),
      'vats/words.js': `export * from './all-words.js';`,
      'vats/all-words.js': `export const word = 'before';`,
    });
    const all = ['a', 'b', 'c'].map((name) => wrote(`vats/${name}.bundle`));
    await after(write('vats/all-words.js', `export const word = 'after';`), ...all);
    expect(code('vats/b.bundle')).toContain('after');
    await after(write('vats/words.js', `export const word = 'barrel';`), ...all);
    expect(code('vats/a.bundle')).toContain('barrel');
    const a = `export const buildRootObject = () => 'itself';`;
    await after(write('vats/a.js', a), ...all.slice(0, 2));
    expect(code('vats/b.bundle')).toContain('itself');
    await after(write('vats/c.js', vat('changed')), ...all.slice(2));
  });

  it('shows what is wrong, keeps the bundle that was, and goes on', async () => {
    const { said, at, after, write, code } = await watch({
      'vats/a.js': vat('good'),
      'vats/bad.js': 'export const buildRootObject = ;',
    });
    expect(said.err).toContain(
      'Cannot bundle vats/bad.js:\n  vats/bad.js:1:32: Expression expected',
    );
    await after(write('vats/bad.js', vat('mended')), wrote('vats/bad.bundle'));
    const from = said.err.length;
    writeFileSync(at('vats/a.js'), `import './missing.js';\n${vat('bad')}`);
    await expect
      .poll(() => said.err.slice(from), patience)
      .toContain("'./missing.js' does not exist");
    expect(code('vats/a.bundle')).toContain('good');
    await after(write('vats/missing.js', ''), wrote('vats/a.bundle'));
    expect(code('vats/a.bundle')).toContain('bad');
    const later = said.err.length;
    writeFileSync(at('vats/a.ts'), vat('other'));
    const both = 'vats/a.js and vats/a.ts would both be written to vats/a.bundle.\n';
    await expect.poll(() => said.err.slice(later), patience).toBe(both);
    expect(code('vats/a.bundle')).toContain('bad');
  });

  it('knows a helper that fails from a vat, once it is mended', async () => {
    const { said, after, at, write } = await watch({
      'vats/a.js': vat('good'),
      'vats/helper.js': 'export const x = ;',
    });
    expect(said.err).toContain('Cannot bundle vats/helper.js');
    const from = said.err.length;
    await after(write('vats/helper.js', 'export const x = 1;'));
    await after(write('vats/a.js', vat('again')), wrote('vats/a.bundle'));
    expect(said.err.slice(from)).toBe('');
    expect(existsSync(at('vats/helper.bundle'))).toBe(false);
  });

  it('ends by Ctrl-C, and by itself when its folder is gone', async () => {
    const first = await watch({ 'vats/a.js': vat('one') });
    first.child.kill('SIGINT');
    expect([await first.ended, first.said.err]).toStrictEqual([0, '']);
    const second = await watch({ 'vats/a.js': vat('one') });
    rmSync(second.at('vats'), { recursive: true });
    expect(await second.ended).toBe(1);
    expect(second.said.err).toMatch(/^Cannot watch vats: ENOENT/);
  });

  it('says where it cannot watch', async () => {
    const at = makeFixture({ file: '' });
    for (const [dir, why] of [
      ['nowhere', 'there is no such folder'],
      ['file', 'it is not a folder'],
    ] as const) {
      for (const args of [
        ['watch', dir],
        ['start', dir, '--port', '0'],
      ]) {
        const { ended, said } = begin(at(), args);
        expect(await ended).toBe(1);
        expect(said.err).toContain(why);
      }
    }
    for (const args of [['watch'], ['watch', '.', '..'], ['start'], ['start', '.', '-p', 'x']]) {
      expect(await begin(at(), args).ended).toBe(2);
    }
  });

  it('watches a folder that is a link', async () => {
    const at = makeFixture({ 'real/a.js': vat('one') });
    symlinkSync(at('real'), at('vats'));
    const { said } = begin(at(), ['watch', 'vats']);
    await expect.poll(() => said.out, patience).toContain('Watching vats');
    writeFileSync(at('real/b.js'), vat('two'));
    await expect.poll(() => said.out, patience).toContain('Wrote vats/b.bundle');
  });
});

describe('vatkit start', () => {
  it('serves what it watches', async () => {
    const { said, child, ended, after, write } = await watch(
      { 'vats/a.js': vat('one') },
      'start',
      '--port',
      '0',
    );
    const url = /serving it at (http:\S+)/.exec(said.out)?.[1];
    const get = async (name: string) => (await fetch(`${url}/${name}`)).text();
    expect(await get('a.bundle')).toContain('one');
    await after(write('vats/a.js', vat('two')), wrote('vats/a.bundle'));
    expect(await get('a.bundle')).toContain('two');
    await after(write('vats/b.ts', vat('three')), wrote('vats/b.bundle'));
    expect(await get('b.bundle')).toContain('three');
    child.kill('SIGTERM');
    expect([await ended, said.err]).toStrictEqual([0, '']);
  });
});
