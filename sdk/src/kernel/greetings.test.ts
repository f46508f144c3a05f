/** What a kernel answers a peer that remembers their conversation otherwise. */
import { expect, it } from 'vitest';
import { makeChangeSet } from '../store/change-set.js';
import { makeMemoryStore } from '../store/memory-store.js';
import type { Standing } from '../protocol/peer-wire.js';
import type { KernelEffect, KernelEvent } from './events.js';
import { makeKernelMachine } from './kernel.js';
import type { Greeting } from './remotes.js';

const policy = {
  deliveryAttemptsMax: 2,
  failuresMax: 3,
  notifyBatchMax: 10,
  deliveriesPerReap: 100,
  queueMax: 100,
  collectBatch: 10,
  deliveriesAheadMax: 1,
  reapIdleMs: 1_000,
  vatsLiveMax: 10,
  promiseBlock: 1,
  sessionFramesMax: 10,
  sessionFrameCharsMax: 1_000_000,
  sessionsMax: 10,
  sessionRefsMax: 100,
  ocapUrlsMax: 100,
  peerFramesMax: 10,
  peerFrameCharsMax: 10_000,
  peerRefsMax: 100,
  peerGivenMax: 100,
  peerQueueCharsMax: 10_000,
  queueCharsMax: 10_000,
  chargedMessagesMax: 100,
  peersMax: 10,
  peerTimeoutMs: 1_000_000,
};

const peerId = 'the peer';
const life = { lineage: 'its store', epoch: 1, proof: '' };

function openKernel() {
  const machine = makeKernelMachine(makeChangeSet(makeMemoryStore(), { strict: true }), policy);
  machine.start();
  const feed = (event: KernelEvent): readonly KernelEffect[] => machine.step(event, 1);
  return {
    /** Something waits for the peer, so that the conversation holds something. */
    ask: () =>
      feed({
        type: 'peer-redeem',
        requestId: 1,
        session: 'a1',
        peerId,
        hints: [],
        number: '0'.repeat(32),
      }),
    hear(standing: Standing): Greeting {
      const effects = feed({
        type: 'peer-hello',
        requestId: 2,
        peerId,
        link: 1,
        isDialler: false,
        life,
        hints: [],
        standing,
      });
      const answer = effects.find((effect) => effect.type === 'answer');
      return (answer?.outcome as { result: Greeting }).result;
    },
  };
}

it('a conversation that begins anew has a number that the peer does not remember', () => {
  const kernel = openKernel();
  kernel.hear({ me: 6, you: 0, sent: 0, acked: 0, received: 0 });
  kernel.ask();
  // Of a conversation that this store, restored from a copy, has forgotten: its next number.
  const found = kernel.hear({ me: 7, you: 2, sent: 1, acked: 0, received: 0 });
  expect(found).toMatchObject({ verdict: 'stale', standing: { you: 0, sent: 0, received: 0 } });
  expect(found.standing.me).toBe(3);
});

it('and so has one that holds nothing, where the peer remembers that very number', () => {
  const kernel = openKernel();
  const found = kernel.hear({ me: 7, you: 1, sent: 0, acked: 0, received: 5 });
  expect(found).toMatchObject({ verdict: 'stale', standing: { you: 0, sent: 0, received: 0 } });
  expect(found.standing.me).toBe(2);
});

it('a number that the peer does not remember stays, where the conversation holds nothing', () => {
  const kernel = openKernel();
  const { verdict, standing } = kernel.hear({ me: 7, you: 5, sent: 3, acked: 3, received: 3 });
  expect([verdict, standing.me]).toStrictEqual(['stale', 1]);
});
