import './lockdown.js';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { makePlatformGlobals } from './endowed-fs.js';
import { errorOf, makeTestVat, type TestVatOptions } from './test-vat.js';

const dir = mkdtempSync(join(tmpdir(), 'vatkit-fs-'));
afterAll(() => rmSync(dir, { recursive: true }));
const root = join(dir, 'root');
mkdirSync(join(root, 'sub'), { recursive: true });
mkdirSync(join(dir, 'root-twin'));
writeFileSync(join(root, 'a.txt'), 'grüße');
writeFileSync(join(root, 'sub', 'b.txt'), 'b');
writeFileSync(join(root, '..odd'), 'odd');
writeFileSync(join(dir, 'secret.txt'), 'secret');
writeFileSync(join(dir, 'root-twin', 'c.txt'), 'twin');
symlinkSync(join(dir, 'secret.txt'), join(root, 'link.txt'));
symlinkSync(dir, join(root, 'out'));
symlinkSync(join(root, 'sub'), join(root, 'inside'));

type Config = NonNullable<TestVatOptions['platformConfig']>;
const whole: Config = {
  fs: { rootDir: root, existsSync: true, promises: { readFile: true, access: true } },
};

async function run(body: string, platformConfig: Config = whole): Promise<unknown> {
  const vat = makeTestVat(`return makeDefaultExo('root', { go: async () => { ${body} } });`, {
    platformConfig,
  });
  await vat.start();
  let { answer: settled } = await vat.message('go');
  while (settled === undefined) {
    await vat.wantsTurn();
    const { prior } = await vat.deliver({ type: 'turn' });
    [settled] = prior.flatMap((call) => (call.type === 'resolve' ? call.resolutions : []));
  }
  return settled.rejected ? errorOf(settled) : JSON.parse(settled.value.body.slice(1));
}

describe('fs', () => {
  it('reads below its root, as text or bytes', async () => {
    const path = JSON.stringify(join(root, 'a.txt'));
    expect(
      await run(`
        const bytes = await fs.promises.readFile('sub/../a.txt');
        return [await fs.promises.readFile(${path}, 'utf8'), await fs.promises.readFile(${path}, { encoding: 'latin1' }),
          [...bytes], bytes.toString(), await fs.promises.access('sub/b.txt'), fs.existsSync('sub'), fs.existsSync('none'),
          await fs.promises.readFile('..odd', 'utf8')];`),
    ).toEqual([
      ...['grüße', 'grÃ¼Ã\u009fe', [...new TextEncoder().encode('grüße')], 'grüße', '#undefined'],
      ...[true, false, 'odd'],
    ]);
  });

  it.each([
    ['../secret.txt', 'is outside allowed root'],
    [join(dir, 'secret.txt'), 'is outside allowed root'],
    [join(dir, 'root-twin', 'c.txt'), 'is outside allowed root'],
    ['..', 'is outside allowed root'],
    ['/', 'is outside allowed root'],
    ['link.txt', 'Symlinks are prohibited: '],
    ['out/secret.txt', 'Symlinks are prohibited: '],
    ['inside/b.txt', 'Symlinks are prohibited: '],
    ['inside/none.txt', 'Symlinks are prohibited: '],
    ['sub/../../secret.txt', 'is outside allowed root'],
  ])('refuses %s in every function', async (path, message) => {
    const given = JSON.stringify(path);
    for (const [name, call] of [
      ['readFile', `await fs.promises.readFile(${given})`],
      ['access', `await fs.promises.access(${given})`],
      ['existsSync', `fs.existsSync(${given})`],
    ] as const) {
      const text = message.startsWith('is')
        ? `fs.${name}: Path ${path} ${message} ${root}`
        : `fs.${name}: ${message}${path}`;
      expect(await run(`return ${call};`)).toBe(text);
    }
  });

  it('shows errors as plain ones', async () => {
    expect(
      await run(`
        try { await fs.promises.readFile('none'); } catch (error) {
          return [error.code, error.constructor === Error, Object.keys(error)];
        }`),
    ).toEqual(['ENOENT', true, []]);
    expect(await run(`return fs.promises.readFile('a\\0b');`)).toContain('no null characters');
    expect(await run(`return fs.promises.readFile('sub');`)).toContain('EISDIR');
    expect(await run(`return fs.promises.readFile('a.txt', 'klingon');`)).toContain('klingon');
  });

  it('has what was granted and nothing more, and cannot be changed', async () => {
    expect(await run(`return [Object.keys(fs), Object.keys(fs.promises)];`)).toEqual([
      ['existsSync', 'promises'],
      ['readFile', 'access'],
    ]);
    const some: Config = { fs: { rootDir: root, promises: { access: true, readFile: false } } };
    expect(await run(`return [Object.keys(fs), Object.keys(fs.promises)];`, some)).toEqual([
      ['promises'],
      ['access'],
    ]);
    expect(await run(`return typeof fs;`, {})).toBe('undefined');
    expect(
      await run(
        `return [fs, fs.promises, fs.existsSync, fs.promises.readFile].map(Object.isFrozen);`,
      ),
    ).toEqual([true, true, true, true]);
  });

  it('is refused to a vat whose configuration asks for what there is not', async () => {
    const vat = makeTestVat(`return Far('root', {});`, { platformConfig: { net: {} } as Config });
    expect((await vat.fails()).message).toBe(
      'Config provided entry for unregistered capability: net',
    );
    expect(() => makePlatformGlobals(whole, undefined)).toThrow(
      'Capability readFile is not implemented in the browser',
    );
    const { fs } = makePlatformGlobals({ fs: { rootDir: '/', existsSync: true } }, undefined);
    expect((fs as { existsSync(path: string): boolean }).existsSync('/etc')).toBe(false);
  });
});
