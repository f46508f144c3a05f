/** A kernel without a host: the state machine that ships, over rows in memory. Its one service answers every call at once. */
import { isOutput } from '../../sdk/dist/kernel/events.js';
import { makeKernelMachine } from '../../sdk/dist/kernel/kernel.js';
import { limits } from '../../sdk/dist/limits.js';
import { makeChangeSet } from '../../sdk/dist/store/change-set.js';
import { makeMemoryStore } from '../../sdk/dist/store/memory-store.js';

const policy = { ...limits, promiseBlock: 1, notifyBatchMax: limits.notifyBatchMax };

/** @param toPeers - `(effect) => void`: what is told to peers, after its commit. */
export function makePureKernel(peerId, toPeers) {
  const store = makeMemoryStore();
  const changes = makeChangeSet(store);
  const machine = makeKernelMachine(changes, policy);
  const waiting = new Map();
  let outputs = [];
  let lastRequest = 0;
  let commits = 0;

  const perform = (effect) => {
    if (effect.type === 'answer') {
      const then = waiting.get(effect.requestId);
      waiting.delete(effect.requestId);
      then?.(effect.outcome);
    } else if (effect.type === 'host-call') {
      step({ type: 'host-answer', callId: effect.callId, rejected: false, value: fortyTwo });
    } else toPeers(effect);
  };
  const take = (effects) => {
    for (const effect of effects) {
      if (isOutput(effect)) outputs.push(effect);
      else perform(effect);
    }
  };
  const step = (event, now) => take(machine.step(event, now));
  /** Until there is nothing left to tell. */
  const commit = () => {
    while (outputs.length + machine.untold() > 0) {
      take(machine.tell());
      changes.commit();
      commits += 1;
      outputs.splice(0).forEach(perform);
    }
    changes.commit();
  };
  const ask = (event, then) => {
    lastRequest += 1;
    waiting.set(lastRequest, then);
    step({ ...event, requestId: lastRequest });
  };

  take(machine.start());
  ask({ type: 'register-service', name: 'root', vref: 'o+10', systemOnly: false }, () => {});
  ask(
    {
      type: 'comms-start',
      now: 1,
      peerTimeoutMs: limits.peerTimeoutMs,
      queueMax: limits.peerQueueMax,
      messageBytesMax: limits.peerMessageBytesMax,
    },
    () => {},
  );
  commit();
  return {
    peerId,
    step,
    ask,
    commit,
    commits: () => commits,
    isWanted: (other) => machine.isPeerWanted(other),
    root: () => machine.rows.services.getRequired('root').kref,
    waiting: () => waiting.size,
    size() {
      const rows = [...store.snapshot()];
      const bytes = rows.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
      return { rows: rows.length, bytes };
    },
  };
}

const fortyTwo = { body: '#"+42"', slots: [] };
