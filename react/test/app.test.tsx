/** @see ./app.tsx */
import { expect, it, vi } from 'vitest';
import * as hooks from '../src/index.js';
import { components, walkThrough } from './app.js';
import { atEnd, board, makeTestKernel } from './harness.js';

it('an app of all hooks does what its user expects', async () => {
  const { client } = makeTestKernel();
  // React says what an error boundary has caught.
  const silence = vi.spyOn(console, 'error').mockReturnValue();
  atEnd(() => silence.mockRestore());
  await walkThrough({ kernel: client, board });
});

it('is compiled where the project says so', () => {
  // What the compiler writes into a component: the cache of what it has rendered.
  const isCompiled = (code: unknown): boolean => /\bc\)?\(\d+\)/.test(String(code));
  const { KernelProvider, useKernelStatus, useVatMutation } = hooks;
  for (const code of [...components, KernelProvider, useKernelStatus, useVatMutation])
    expect(isCompiled(code)).toBe(process.env.VATKIT_COMPILED === '1');
});
