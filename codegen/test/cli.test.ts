import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { main } from '../src/cli/main.js';
import { makeFixture } from './fixture.js';

/** The built program, as npm links it. */
const program = fileURLToPath(new URL('../bin/vatkit.mjs', import.meta.url));

const start = (cwd: string, args: string[]) => {
  const child = spawn(process.execPath, [program, ...args], { cwd });
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
  return { child, said };
};

async function vatkit(cwd: string, ...args: string[]) {
  const { child, said } = start(cwd, args);
  const [code] = (await once(child, 'close')) as [number | null];
  // No fault of a user shows where in our code it was found.
  expect(said.err).not.toMatch(/^\s+at /m);
  return { code, ...said };
}

const vat = "export const buildRootObject = () => 'root';\n";

describe('vatkit', () => {
  it('shows its help and its version', async () => {
    const at = makeFixture({});
    const help = await vatkit(at(), '--help');
    expect(help).toMatchObject({ code: 0, err: '' });
    for (const word of ['bundle', 'serve', 'Exit codes']) expect(help.out).toContain(word);
    for (const args of [
      ['bundle', '--help'],
      ['help', 'bundle'],
      ['bundle', 'x.js', '-h'],
    ]) {
      const { code, out } = await vatkit(at(), ...args);
      expect([code, out.includes('Examples:')]).toStrictEqual([0, true]);
    }
    const version = await vatkit(at(), '--version');
    expect(version.out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('has for each command a help with its usage, examples and exit codes', async () => {
    const out: string[] = [];
    const screen = { isScreen: false, untilInterrupted: () => Promise.resolve() };
    const terminal = { ...screen, out: (line: string) => void out.push(line), err: () => {} };
    await main(['--help'], terminal);
    const names = [...(out.pop() ?? '').matchAll(/^ {2}(\w+) {2,}\w/gm)].map(
      ([, name = '']) => name,
    );
    expect(names.sort()).toStrictEqual(
      ['bundle', 'create', 'daemon', 'generate', 'init', 'relay', 'serve', 'start', 'watch'].sort(),
    );
    for (const name of names) {
      expect(await main(['help', name], terminal)).toBe(0);
      const help = out.pop() ?? '';
      for (const part of [`Usage: vatkit ${name}`, 'Examples:\n', 'Exit codes: 0', '--help']) {
        expect(help, name).toContain(part);
      }
      expect(help.match(/^(?! {2}vatkit).{106,}/m), name).toBe(null);
    }
  });

  it.each([
    [[], 'Usage: vatkit <command>'],
    [['bundel'], "Unknown command 'bundel'. Did you mean 'bundle'?"],
    [['--verison'], "Unknown option '--verison'. Did you mean '--version'?"],
    [['bundle'], 'Which file or folder?'],
    [['bundle', 'x.js', '--fromat', 'iife'], "Unknown option '--fromat'. Did you mean '--format'?"],
    [
      ['bundle', 'x.js', '--format', 'zip'],
      "Unknown format 'zip': it is one of vatkit, iife, endo-script",
    ],
    [['bundle', 'x.js', '--output'], '--output'],
    [['serve'], 'Which folder?'],
    [['serve', '.', '..'], 'One folder at a time'],
    [['serve', '.', '--port', '70000'], "'--port 70000' is no port"],
    [['serve', '.', '--port=-1'], "'--port -1' is no port"],
    [['serve', '.', '--port', 'x'], "'--port x' is no port"],
  ])('%j is a wrong command line', async (args, message) => {
    const { code, err, out } = await vatkit(makeFixture({})(), ...args);
    expect(err).toContain(message);
    expect([code, out]).toStrictEqual([2, '']);
  });
});

describe('vatkit bundle', () => {
  it('writes each vat beside its source and says so', async () => {
    const at = makeFixture({ 'vats/a.js': vat, 'b.vat.ts': vat });
    const { code, out, err } = await vatkit(at(), 'bundle', 'vats/a.js', at('b.vat.ts'));
    const bytes = statSync(at('vats/a.bundle')).size;
    expect(out).toBe(
      `Wrote vats/a.bundle: ${bytes} bytes\nWrote b.vat.bundle: ${statSync(at('b.vat.bundle')).size} bytes\n`,
    );
    expect([code, err]).toStrictEqual([0, '']);
    expect(JSON.parse(readFileSync(at('vats/a.bundle'), 'utf8')).moduleFormat).toBe('vatkit');
  });

  it("takes a folder's vats, and leaves out tests, types, what was generated and helpers", async () => {
    const at = makeFixture({
      'a.js': vat,
      'b.ts': vat,
      'a.test.ts': vat,
      'types.d.ts': 'export type X = 1;',
      'todo.vat.gen.js': vat,
      'helper.ts': 'export const help = 1;',
      'notes.md': '',
      'below/c.js': vat,
    });
    const { code, out, err } = await vatkit(at(), 'bundle', '.', 'a.js');
    expect(out.replace(/\d+/g, 'N')).toBe('Wrote a.bundle: N bytes\nWrote b.bundle: N bytes\n');
    expect(err).toBe('Left out helper.ts: it exports no buildRootObject\n');
    expect(code).toBe(0);
    expect(readdirSync(at()).filter((name) => name.endsWith('.bundle'))).toHaveLength(2);
  });

  it('bundles what it can and tells all failures at the end', async () => {
    const at = makeFixture({
      'good.js': vat,
      'bad.js': 'export const buildRootObject = ;',
      'lost.ts': "import 'lost';\nexport const buildRootObject: number = 1;",
      'no.vat.js': 'export const x = 1;',
    });
    const { code, out, err } = await vatkit(at(), 'bundle', 'nowhere', '.');
    expect(code).toBe(1);
    expect(out.replace(/\d+/g, 'N')).toBe('Wrote good.bundle: N bytes\n');
    const lines = err.split('\n');
    expect(lines[0]).toBe('Cannot bundle nowhere: there is no such file or folder');
    expect(err).toContain('Cannot bundle bad.js:\n  bad.js:1:32: Expression expected\n');
    expect(err).toContain("Cannot bundle lost.ts:\n  lost.ts:1:8: Cannot find 'lost'");
    expect(err).toContain("Cannot bundle no.vat.js:\n  no.vat.js: a vat exports 'buildRootObject'");
  });

  it('tells all of it as JSON', async () => {
    const at = makeFixture({ 'good.js': vat, 'help.js': 'export {};', 'bad.vat.js': 'export {};' });
    const { code, out, err } = await vatkit(at(), 'bundle', '.', '--json');
    expect([code, err]).toStrictEqual([1, '']);
    expect(JSON.parse(out)).toStrictEqual({
      bundles: [
        { source: 'good.js', output: 'good.bundle', bytes: statSync(at('good.bundle')).size },
      ],
      leftOut: ['help.js'],
      failures: [expect.stringContaining("a vat exports 'buildRootObject'")],
    });
  });

  it('fails for a folder without a vat', async () => {
    const at = makeFixture({ 'dir/helper.js': 'export {};', 'empty/x.md': '' });
    for (const dir of ['dir', 'empty']) {
      const { code, err } = await vatkit(at(), 'bundle', dir);
      expect(code).toBe(1);
      expect(err).toContain(`Cannot bundle ${dir}: there is no vat in it`);
    }
  });

  it('writes to a file or a folder that it is given, and never two vats to one file', async () => {
    const at = makeFixture({ 'a.js': vat, 'b.js': vat, 'a.ts': vat, 'dir/a.js': vat });
    expect((await vatkit(at(), 'bundle', 'a.js', '-o', 'out/x.bundle')).code).toBe(0);
    expect((await vatkit(at(), 'bundle', 'a.js', 'b.js', '--output', 'out/all')).code).toBe(0);
    expect(existsSync(at('out/x.bundle')) && existsSync(at('out/all/b.bundle'))).toBe(true);
    const one = await vatkit(at(), 'bundle', 'a.js', 'b.js', '-o', 'one.bundle');
    expect([one.code, one.err.split('\n')[0]]).toStrictEqual([
      2,
      "'--output one.bundle' is one file, and there are 2 vats: name a folder.",
    ]);
    const same = await vatkit(at(), 'bundle', 'a.js', 'a.ts');
    expect([same.code, same.err.split('\n')[0]]).toStrictEqual([
      2,
      'a.js and a.ts would both be written to a.bundle.',
    ]);
    expect(readdirSync(at()).filter((name) => name.endsWith('.bundle'))).toStrictEqual([]);
  });

  it("says the disk's own words where it cannot write", async () => {
    const at = makeFixture({ 'a.js': vat, file: '' });
    const { code, err } = await vatkit(at(), 'bundle', 'a.js', '-o', 'file/a.bundle');
    expect(code).toBe(1);
    expect(err).toMatch(/^Cannot bundle a\.js: E[A-Z]+: /);
  });

  it('bundles in other formats, with the text of the sources on demand', async () => {
    const at = makeFixture({ 'a.js': vat });
    for (const format of ['iife', 'vatkit']) {
      await vatkit(at(), 'bundle', 'a.js', '-f', format, '--sources-content');
      const bundle = JSON.parse(readFileSync(at('a.bundle'), 'utf8'));
      expect(bundle.moduleFormat).toBe(format);
      expect(JSON.parse(bundle.sourceMap).sourcesContent).toStrictEqual([vat]);
    }
  });
});

describe('vatkit serve', () => {
  const urlOf = async (said: { out: string }) => {
    await expect.poll(() => said.out, { timeout: 10_000 }).toMatch(/at http:.*\n[^]*\n$/);
    return /http:\/\/[^\s]+/.exec(said.out)?.[0] as string;
  };

  it('prints its address, serves and ends by a signal', async () => {
    const at = makeFixture({ 'vats/a.bundle': '{"a":1}' });
    const { child, said } = start(at(), ['serve', 'vats', '--port', '0']);
    const url = await urlOf(said);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(said.out).toContain(`Serving vats at ${url}\n  ${url}/a.bundle\n`);
    expect(await (await fetch(`${url}/a.bundle`)).json()).toStrictEqual({ a: 1 });
    child.kill('SIGINT');
    expect(await once(child, 'close')).toStrictEqual([0, null]);
    expect(said.err).toBe('');
  });

  it('says what to do where it cannot serve', async () => {
    const at = makeFixture({ 'vats/a.bundle': '{}' });
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const busy = await vatkit(at(), 'serve', 'vats', '-p', String(port));
    other.close();
    expect(busy).toMatchObject({ code: 1, out: '' });
    expect(busy.err).toBe(
      `Cannot serve at 127.0.0.1:${port}: another program has that port. Choose one with --port, or --port 0 for any that is free\n`,
    );
    const nowhere = await vatkit(at(), 'serve', 'nowhere');
    expect(nowhere.err).toMatch(/^Cannot serve .*nowhere: there is no such folder\n$/);
    const file = await vatkit(at(), 'serve', 'vats/a.bundle');
    expect(file.err).toMatch(/^Cannot serve .*a\.bundle: it is not a folder\n$/);
  });
});
