/**
 * One kernel client for each name in a realm, whoever asks: React's double mounting, hot reload, which evaluates the
 * module that makes the client again, and copies of this package all meet here. Clients start nothing until they are
 * used, so one that is passed over for another costs nothing.
 */
import type { KernelClient } from '@vatkit/sdk';

type Entry = {
  kernel: KernelClient;
  holders: number;
  /** Made by a provider, which then closes it. */
  isOwned: boolean;
  timer?: ReturnType<typeof setTimeout>;
};

/** Milliseconds between the last provider's end and the kernel's. */
const RELEASE_MS = 1_000;

const key = Symbol.for('vatkit.kernels');
const entries = ((globalThis as { [key]?: Map<string, Entry> })[key] ??= new Map<string, Entry>());

const expire = (entry: Entry): void => {
  clearTimeout(entry.timer);
  entry.timer = setTimeout(() => {
    const { name } = entry.kernel;
    if (entries.get(name) === entry) entries.delete(name);
    if (entry.isOwned) void entry.kernel.close();
  }, RELEASE_MS);
  // A kernel that nobody wants is no reason to keep a process.
  (entry.timer as { unref?: () => void }).unref?.();
};

function provideEntry(kernel: KernelClient, isOwned: boolean): Entry {
  const known = entries.get(kernel.name);
  if (known && known.kernel.status.phase !== 'closed') return known;
  const entry: Entry = { kernel, holders: 0, isOwned };
  entries.set(kernel.name, entry);
  expire(entry);
  return entry;
}

/** The kernel of that name: the one that is known, else `kernel`. It is kept for a moment even if nobody holds it. */
export const provideKernel = (kernel: KernelClient, isOwned: boolean): KernelClient =>
  provideEntry(kernel, isOwned).kernel;

/** Holds what {@link provideKernel} gave. Returns a function that lets go of it. */
export function holdKernel(kernel: KernelClient, isOwned: boolean): () => void {
  const entry = provideEntry(kernel, isOwned);
  entry.holders += 1;
  clearTimeout(entry.timer);
  return () => {
    entry.holders -= 1;
    if (!entry.holders) expire(entry);
  };
}
