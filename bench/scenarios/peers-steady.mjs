/**
 * As peers.mjs, where nothing else runs: each sample has two new processes with one kernel each, whose engines have compiled
 * what they run before it is timed.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { floor, ours } from '../rows.mjs';

const program = fileURLToPath(new URL('peers-steady-child.mjs', import.meta.url));

const calls = (place, how) => async () => ({
  async sample(meter, effort) {
    const child = fork(program, [place, how, effort]);
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`the process that calls ended with ${code}`);
    });
    const [{ ms, cpuMs }] = await Promise.race([once(child, 'message'), ended]);
    meter.record(`${place}-${how}`, ms, cpuMs);
    await ended.catch(() => {});
  },
});

export const steadyPeerGroup = {
  name: 'steady-peers',
  title: 'calls to a kernel of another process, thousands of them, and nothing else',
  unit: 'call',
  perSecond: true,
  rounds: { quick: 1, full: 5 },
  // Each sample warms up by itself.
  coldStart: true,
  rows: [
    floor('raw-in-sequence', 'a stream of libp2p, in sequence'),
    ours('memory-in-sequence', ':memory:, in sequence', 'raw-in-sequence', { peer: '59/s' }),
    ours('file-in-sequence', 'file, in sequence', 'raw-in-sequence', { peer: '59/s' }),
    floor('raw-at-once', 'a stream of libp2p, 1,000 at once'),
    ours('memory-at-once', ':memory:, 1,000 at once', 'raw-at-once', { peer: '129/s' }),
    ours('file-at-once', 'file, 1,000 at once', 'raw-at-once', { peer: '129/s' }),
  ],
  subjects: ['in-sequence', 'at-once'].flatMap((how) =>
    ['raw', 'memory', 'file'].map((place) => calls(place, how)),
  ),
};
