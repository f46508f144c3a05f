import { createKernel } from '@vatkit/sdk';
import { counter } from './counter.vat.gen.js';

const worker = () => new Worker(new URL('./kernel.worker.js', import.meta.url), { type: 'module' });
const { root } = await createKernel({ worker, name: 'smallest' }).launch(counter);

const output = document.querySelector('output');
const show = async (count) => (output.textContent = await count);
document.querySelector('button').onclick = () => show(root.increment());
await show(root.count());
