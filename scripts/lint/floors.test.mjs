import { fileURLToPath } from 'node:url';
import { ESLint, RuleTester } from 'eslint';
import tseslint from 'typescript-eslint';
import { afterAll, describe, expect, it } from 'vitest';
import { floors } from './floors.mjs';

Object.assign(RuleTester, { describe, it, afterAll });

const root = fileURLToPath(new URL('../..', import.meta.url));
const at = (file, code) => ({ filename: `${root}${file}`, code, name: `${file}: ${code}` });
const wrong = (file, code, reason) => ({
  ...at(file, code),
  errors: [{ message: new RegExp(reason) }],
});

new RuleTester({ languageOptions: { parser: tseslint.parser } }).run('floors', floors, {
  valid: [
    at('sdk/src/kernel/crank.ts', `import { a } from './queue.js'`),
    at('sdk/src/kernel/gc/sweep.ts', `import { a } from '../queue.js'`),
    at('sdk/src/kernel/crank.ts', `import { parseRef } from '../protocol/refs.js'`),
    at('sdk/src/store/memory.ts', `import { KernelError } from '../errors.js'`),
    at('sdk/src/host/node/kernel.ts', `export * from '../../kernel/kernel.js'`),
    at('sdk/src/entries/node.ts', `export * from '../host/node/kernel.js'`),
    at('sdk/src/entries/vat.ts', `export { E } from '@endo/eventual-send'`),
    at('sdk/src/vat/lockdown.ts', `import 'ses'`),
    at('sdk/src/store/sqlite.ts', `import type Database from 'better-sqlite3'`),
    at('sdk/src/kernel/crank.test.ts', `import { makeVat } from '../vat/vat.js'`),
    at('sdk/src/protocol/codec.test.ts', `import { makeMarshal } from '@endo/marshal'`),
    at('react/src/hooks.ts', `import { createKernel } from '@vatkit/sdk'`),
  ],
  invalid: [
    wrong('sdk/src/kernel/crank.ts', `import { a } from '../host/loop.js'`, 'no arrow runs up'),
    wrong('sdk/src/kernel/crank.ts', `import { a } from '../vat/vat.js'`, 'no arrow runs sideways'),
    wrong('sdk/src/client/ref.ts', `export * from '../comms/url.js'`, 'no arrow runs sideways'),
    wrong('sdk/src/protocol/refs.ts', `import('../kernel/kernel.js')`, 'no arrow runs up'),
    wrong('sdk/src/store/memory.ts', `type A = import('../protocol/refs.js').KRef`, 'runs up'),
    wrong('sdk/src/errors.ts', `import { a } from './store/memory.js'`, 'no arrow runs up'),
    wrong('sdk/src/kernel/crank.test.ts', `import { a } from '../host/loop.js'`, 'runs up'),
    wrong('sdk/src/host/loop.ts', `import { E } from '@endo/eventual-send'`, 'only sdk/src/vat/'),
    wrong('sdk/src/kernel/crank.ts', `import('better-sqlite3')`, 'only sdk/src/store/'),
    wrong('sdk/src/host/loop.ts', `import { a } from '@vatkit/sdk/vat'`, 'by relative path'),
    wrong('sdk/src/host/loop.ts', `import { a } from '../../../codegen/src/index.js'`, 'no place'),
    wrong('sdk/src/misc.ts', `import { a } from './errors.js'`, 'in no place'),
  ],
});

describe('the kernel folder', () => {
  const eslint = new ESLint({
    cwd: root,
    // The planted files are on no disk, so that the type-aware rules cannot read them.
    overrideConfig: [{ files: ['**/*.ts'], ...tseslint.configs.disableTypeChecked }],
  });
  const faults = async (code, filePath = 'sdk/src/kernel/planted.ts') => {
    const [result] = await eslint.lintText(`export ${code}\n`, { filePath: `${root}${filePath}` });
    return result.messages.map(({ ruleId, message }) => ruleId ?? message);
  };

  it.each([
    ['const f = async () => 1;', 'no-restricted-syntax'],
    ['const p = Promise.resolve(1);', 'no-restricted-syntax'],
    ['const p = new Promise(() => {});', 'no-restricted-syntax'],
    ['const at = new Date();', 'no-restricted-syntax'],
    ['enum Way { In, Out }', 'no-restricted-syntax'],
    ['const at = Date.now();', 'no-restricted-properties'],
    ['const r = Math.random();', 'no-restricted-properties'],
    ['const t = setTimeout(() => {}, 1);', 'no-restricted-globals'],
    ['const t = globalThis.performance;', 'no-restricted-globals'],
    [`* from 'node:fs';`, 'no-restricted-imports'],
    [`* from '../host/loop.js';`, 'vatkit/floors'],
  ])('refuses %s', async (code, rule) => {
    expect(await faults(code)).toStrictEqual([rule]);
  });

  it('takes what is pure', async () => {
    expect(await faults('const f = (at: Date): Promise<number> | number => +at;')).toStrictEqual(
      [],
    );
  });

  it('leaves its tests free', async () => {
    const test = 'sdk/src/kernel/planted.test.ts';
    expect(await faults('const at = async () => Date.now();', test)).toStrictEqual([]);
  });
});
