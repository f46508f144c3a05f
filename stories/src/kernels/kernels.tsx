/** Kernels of stories, and the decorators that give each story one of its own. */
import type { Decorator } from '@storybook/react-vite';
import { createKernel, type KernelClient } from '@vatkit/sdk';
import { createTestKernel, type TestKernelOptions } from '@vatkit/sdk/testing';
import { KernelProvider } from '@vatkit/react';

let last = 0;
const newName = (): string => `story-${(last += 1)}`;

/** In a worker, with vats in workers of their own. It keeps nothing. */
export const makeRealKernel = (): KernelClient =>
  createKernel({
    worker: () => new Worker(new URL('./memory.worker.ts', import.meta.url), { type: 'module' }),
    name: newName(),
  });

/** In a worker, on a file of this origin; clients of one name are as tabs to each other. */
export const makeStoredKernel = (name: string): KernelClient =>
  createKernel({
    worker: () => new Worker(new URL('./file.worker.ts', import.meta.url), { type: 'module' }),
    name,
  });

const decorate =
  (make: () => KernelClient): Decorator =>
  (Story) => (
    <KernelProvider kernel={make}>
      <Story />
    </KernelProvider>
  );

/** A kernel as apps have it. */
export const withRealKernel: Decorator = decorate(makeRealKernel);

/** A kernel in the page's own realm; `vats` may be fakes in place of bundles. */
export const withTestKernel = (options: TestKernelOptions = {}): Decorator =>
  decorate(() => createTestKernel({ ...options, name: newName() }));
