/** Who holds an object keeps it, and nobody else: exporter, importers, weak keys, baggage, the host, restarts, ends. */
import './precise-gc.js';
import { krefOf, kslot, type Kernel, type KRef } from '@vatkit/sdk/kernel';
import { describe, expect, it } from 'vitest';
import {
  call,
  makeStoreFile,
  rejectionOf,
  rowsChanged,
  rowsOf,
  startKernel,
  stopKernel,
} from './harness.js';
import { strangers } from './walk.js';

async function launch(kernel: Kernel) {
  const { rootKref, subclusterId } = await kernel.launchSubcluster(
    await strangers('garbage.js', ['exporter', 'importer', 'other']),
  );
  const { importer, other } = kernel.getSubcluster(subclusterId)!.vats;
  return {
    exporter: rootKref,
    importer: kernel.getRootObject(importer!),
    other: kernel.getRootObject(other!),
  };
}

/** Makes an object which nobody but the exporter and `holder` has. */
async function give(kernel: Kernel, exporter: KRef, holder: KRef, id: string): Promise<KRef> {
  const object = await call(kernel, exporter, 'create', id);
  await call(kernel, holder, 'store', id, object);
  const kref = krefOf(object);
  kernel.release(kref);
  return kref;
}

/** The vat's tables after collections by force: enough rounds for what one vat's dropping leads to in the next. */
async function collect(kernel: Kernel): Promise<void> {
  for (let round = 0; round < 4; round += 1) await kernel.reapVats();
}

const isThere = (kernel: Kernel, kref: KRef): boolean =>
  [...rowsOf(kernel).keys()].some((key) => key === `o.${kref}`);

describe('an object', () => {
  it('lives while an importer holds it, and goes with the last', async () => {
    const kernel = await startKernel();
    const { exporter, importer, other } = await launch(kernel);
    await collect(kernel);
    const before = rowsOf(kernel);
    const kref = await give(kernel, exporter, importer, 'x');
    await call(kernel, importer, 'pass', 'x', kslot(other));
    await call(kernel, exporter, 'letGoOfExport', 'x');
    await collect(kernel);
    expect(isThere(kernel, kref)).toBe(true);
    await call(kernel, importer, 'forget', 'x');
    await collect(kernel);
    expect(await call(kernel, other, 'use', 'x')).toBe('x');
    await call(kernel, other, 'forget', 'x');
    await collect(kernel);
    expect(isThere(kernel, kref)).toBe(false);
    expect(rowsChanged(before, rowsOf(kernel))).toEqual([]);
  });

  it('is still its maker’s own when it comes back after everybody dropped it', async () => {
    const kernel = await startKernel();
    const { exporter, importer } = await launch(kernel);
    await give(kernel, exporter, importer, 'x');
    await call(kernel, importer, 'forget', 'x');
    await collect(kernel);
    const again = await call(kernel, exporter, 'exported', 'x');
    expect(await call(kernel, exporter, 'recognizes', again)).toBe(true);
    expect(await call(kernel, again as never, 'owner')).toBe('exporter');
  });

  it('that is but a weak key is recognized as long as its maker has it, and does not keep it', async () => {
    const kernel = await startKernel();
    const { exporter, importer } = await launch(kernel);
    await collect(kernel);
    const before = rowsOf(kernel);
    const kref = await give(kernel, exporter, importer, 'x');
    await call(kernel, importer, 'makeWeak', 'x');
    await call(kernel, importer, 'forget', 'x');
    await collect(kernel);
    expect(isThere(kernel, kref)).toBe(true);
    const again = await call(kernel, exporter, 'exported', 'x');
    expect(krefOf(again as never)).toBe(kref);
    expect(await call(kernel, importer, 'recall', again)).toEqual(['known as x', true]);
    kernel.release(kref);
    await call(kernel, exporter, 'letGoOfExport', 'x');
    await collect(kernel);
    expect(isThere(kernel, kref)).toBe(false);
    expect(rowsChanged(before, rowsOf(kernel))).toEqual([]);
  });

  it('that is but a weak key is forgotten with the collections', async () => {
    const kernel = await startKernel();
    const { exporter, importer } = await launch(kernel);
    const kref = await give(kernel, exporter, importer, 'x');
    await call(kernel, importer, 'makeWeak', 'x');
    await call(kernel, importer, 'forget', 'x');
    await call(kernel, importer, 'forgetWeak');
    await collect(kernel);
    expect(isThere(kernel, kref)).toBe(false);
    const again = await call(kernel, exporter, 'exported', 'x');
    expect(krefOf(again as never)).not.toBe(kref);
    expect(await call(kernel, importer, 'recall', again)).toEqual([undefined, false]);
  });

  it('held by the host lives until it is released', async () => {
    const kernel = await startKernel();
    const { exporter } = await launch(kernel);
    const kref = krefOf(await call(kernel, exporter, 'create', 'x'));
    await call(kernel, exporter, 'letGoOfExport', 'x');
    await collect(kernel);
    expect(await call(kernel, kref, 'id')).toBe('x');
    kernel.release(kref);
    await collect(kernel);
    expect(isThere(kernel, kref)).toBe(false);
    expect((await rejectionOf(kernel.queueMessage(kref, 'id', []))).message).toMatch(
      /OBJECT_DELETED|NOT_FOUND/,
    );
  });

  it('in the baggage is held over restarts of the holder, and let go of when it is deleted there', async () => {
    const kernel = await startKernel();
    const { exporter, importer } = await launch(kernel);
    const object = await call(kernel, exporter, 'create', 'x');
    await call(kernel, importer, 'keep', 'it', object);
    await call(kernel, importer, 'store', 'x', object);
    const kref = krefOf(object);
    kernel.release(kref);
    await call(kernel, exporter, 'letGoOfExport', 'x');
    await kernel.restartVat('v2');
    await collect(kernel);
    expect(await call(kernel, importer, 'useStored', 'x')).toBe('nothing stored');
    expect(await call(kernel, importer, 'useKept', 'it')).toBe('x');
    await call(kernel, importer, 'unkeep', 'it');
    await collect(kernel);
    expect(isThere(kernel, kref)).toBe(false);
  });

  it('of the heap ends with its maker’s incarnation; who holds it is told', async () => {
    const kernel = await startKernel();
    const { exporter, importer } = await launch(kernel);
    await give(kernel, exporter, importer, 'x');
    await kernel.restartVat('v1');
    expect((await rejectionOf(call(kernel, importer, 'use', 'x'))).message).toMatch(
      /^\[KERNEL:OBJECT_DELETED\]/,
    );
  });

  it('of a vat that was terminated is gone for whoever holds it, root included', async () => {
    const kernel = await startKernel();
    const { exporter, importer } = await launch(kernel);
    await give(kernel, exporter, importer, 'x');
    await call(kernel, importer, 'keep', 'root', kslot(exporter));
    await kernel.terminateVat('v1');
    expect((await rejectionOf(call(kernel, importer, 'use', 'x'))).message).toBe(
      '[KERNEL:OBJECT_DELETED] Target object has no owner; it may have been deleted',
    );
    expect((await rejectionOf(call(kernel, importer, 'useKept', 'root'))).message).toBe(
      '[KERNEL:OBJECT_DELETED] Target object has no owner; it may have been deleted',
    );
  });

  it('is let go of by a vat that is terminated', async () => {
    const kernel = await startKernel();
    const { exporter, importer } = await launch(kernel);
    const kref = await give(kernel, exporter, importer, 'x');
    await call(kernel, importer, 'keep', 'it', kslot(kref));
    await call(kernel, exporter, 'letGoOfExport', 'x');
    await kernel.terminateVat('v2');
    await collect(kernel);
    expect(isThere(kernel, kref)).toBe(false);
  });

  it('is let go of by a vat that never starts again after its kernel did', async () => {
    const dbFilename = makeStoreFile();
    const first = await startKernel({ dbFilename });
    const { exporter, importer } = await launch(first);
    const kref = await give(first, exporter, importer, 'x');
    expect(await call(first, importer, 'use', 'x')).toBe('x');
    await stopKernel(first);
    const second = await startKernel({ dbFilename });
    await collect(second);
    expect(isThere(second, kref)).toBe(false);
    expect(second.getVats().every(({ status }) => status === 'stopped')).toBe(true);
  });
});

it('pins are counted, and a root needs none', async () => {
  const kernel = await startKernel();
  const { exporter } = await launch(kernel);
  expect(kernel.pinVatRoot('v1')).toBe(exporter);
  expect(kernel.pinVatRoot('v1')).toBe(exporter);
  expect(kernel.unpinVatRoot('v1')).toBe(exporter);
  await collect(kernel);
  expect(await call(kernel, exporter, 'noop')).toBe('noop');
  kernel.unpinVatRoot('v1');
  kernel.unpinVatRoot('v1');
  kernel.release(exporter);
  await collect(kernel);
  expect(await call(kernel, exporter, 'noop')).toBe('noop');
});
