/** An app in tabs: what `useVatLive` shows of a topic, from its first render on. */
import { useEffect, type ReactNode } from 'react';
import { createRoot } from 'react-dom/client';
import { createKernel, type KernelClient } from '@vatkit/sdk';
import { KernelProvider, useSubcluster, useVatLive } from '@vatkit/react';
import { board, BoardRoot } from '../../vats/board.vat.gen.js';

/** What the page puts on its global object, and what a test gives it there. */
export type LiveApp = {
  isReady: true;
  client: KernelClient;
  /** All that was rendered, in order, `null` for no value yet; and all errors. */
  shown: (number | null)[];
  errors: string[];
  /** Adds one after the other; the last answer is how many there are. */
  add: (times?: number) => Promise<number>;
  /** Adds until {@link stopAdding}, which gives the last answer. */
  keepAdding: () => void;
  stopAdding: () => Promise<number>;
  leads?: () => void;
};
const app = globalThis as unknown as LiveApp;

const client = createKernel({
  name: 'live',
  worker() {
    app.leads?.();
    return new Worker(new URL('./kernel.worker.ts', import.meta.url), { type: 'module' });
  },
});
const shown: LiveApp['shown'] = [];
const errors: string[] = [];

function Count(): ReactNode {
  const { data: sub, error: launchError } = useSubcluster(board);
  const { data = null, error } = useVatLive(BoardRoot.count, { on: sub?.root });
  const problem = launchError ?? error;
  useEffect(() => {
    if (shown.at(-1) !== data) shown.push(data);
    if (problem !== null) errors.push(problem.message);
  }, [data, problem]);
  return <output>{data}</output>;
}

async function add(times = 1): Promise<number> {
  const { root } = await client.launch(board);
  let last = 0n;
  for (let each = 0; each < times; each += 1) last = await root.add('item');
  return Number(last);
}

let isAdding = false;
let adding: Promise<number> = Promise.resolve(0);
async function addOn(): Promise<number> {
  for (;;) {
    const last = await add();
    if (!isAdding) return last;
  }
}

Object.assign(app, {
  ...{ client, shown, errors, add },
  keepAdding() {
    isAdding = true;
    adding = addOn();
  },
  stopAdding() {
    isAdding = false;
    return adding;
  },
  isReady: true,
} satisfies LiveApp);

const place = document.getElementById('app') as HTMLElement;
createRoot(place).render(
  <KernelProvider kernel={client}>
    <Count />
  </KernelProvider>,
);
