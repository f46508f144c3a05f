/** In a real page, with the kernel in a worker of its own. */
import { createKernel } from '@vatkit/sdk';
import { expect, it } from 'vitest';
import { walkThrough } from '../app.js';
import { board } from '../vats/board.vat.gen.js';

it('an app of all hooks does what its user expects', async () => {
  const made: Worker[] = [];
  const kernel = createKernel({
    worker() {
      const url = new URL('./kernel.worker.ts', import.meta.url);
      const worker = new Worker(url, { type: 'module' });
      made.push(worker);
      return worker;
    },
    name: `app-${Date.now()}`,
  });
  await walkThrough({ kernel, board });
  expect(made).toHaveLength(1);
  await kernel.close();
});
