/** A client whose kernel says anything at all: every call settles, and the next kernel is as good as the first. */
import { expect, it } from 'vitest';
import { makeConnection } from './connection.js';
import { makeRandom } from '../kernel/simulation/random.js';

const CONVERSATIONS = 2_000;

type Listener = (event: { data: unknown }) => void;

/** A port whose other end is `host`, which answers by turns of the microtask queue. */
function makePort(host: (message: { type: string }, say: (message: unknown) => void) => void) {
  const listeners = new Map<string, Listener>();
  const say = (data: unknown): void =>
    queueMicrotask(() => listeners.get('message')?.({ data: structuredClone(data) }));
  return {
    postMessage: (message: unknown) => host(structuredClone(message) as { type: string }, say),
    addEventListener: (type: string, listener: Listener) => void listeners.set(type, listener),
    removeEventListener: (type: string) => void listeners.delete(type),
    close: () => listeners.clear(),
  };
}

const welcome = {
  ...{ type: 'welcome', protocol: 1, session: 'c1', secret: 's', resumed: false, received: 0 },
  ...{ closedBelow: 0, admin: 'o-1', window: { frames: 8, chars: 1e6 }, storeId: 'S' },
  ...{ epoch: 'e', storage: 'memory' },
};

it(
  `${CONVERSATIONS} conversations with a kernel that talks nonsense`,
  { timeout: 60_000 },
  async () => {
    const { below, pick, chance } = makeRandom(20261122);
    const bodies = [
      '#1',
      '#"$0"',
      '#"&0"',
      '#["$0","&1","$2.Alleged: x"]',
      '#{"#error":"e","name":"X"}',
      '#',
      '#[',
    ];
    const slots = [
      'o-1',
      'o-2',
      'o+1',
      'o+3',
      'p-1',
      'p-2',
      'p+1',
      'p+2',
      'p+4',
      'p+6',
      'o-99',
      'x',
      7 as never,
      null as never,
    ];
    const some = <T>(make: () => T): T[] => Array.from({ length: below(4) }, make);
    const value = () => ({ body: pick(bodies), slots: some(() => pick(slots)) });
    const op = (): unknown =>
      pick<() => unknown>([
        () => ({
          op: 'settle',
          resolutions: some(() => ({
            promise: pick(slots),
            rejected: chance(0.5),
            value: value(),
          })),
        }),
        () => ({ op: 'call', target: pick(slots), methargs: value(), result: pick(slots) }),
        () => ({ op: 'drop', refs: some(() => [pick(slots), below(3)]) }),
        () => ({
          op: 'broken',
          refs: some(() => ({
            ref: pick(slots),
            code: pick(['OBJECT_DELETED', 'NOPE']),
            message: 'm',
          })),
        }),
        () => ({ op: 'give', value: value() }),
        () => pick([null, 7, {}, { op: 'nope' }]),
      ])();
    let seq = 0;
    const message = (): unknown =>
      pick<() => unknown>([
        () => ({
          type: 'frame',
          seq: (seq += 1),
          ack: below(3),
          acked: below(3),
          ops: some(op),
          names: some(() => ({
            ref: pick(slots),
            id: 'i',
            iface: 'X',
            methods: ['a', '__proto__'],
          })),
        }),
        () => ({
          type: 'frame',
          seq: below(4),
          ack: below(3),
          acked: below(9),
          ops: some(op),
          names: [],
        }),
        () => ({
          type: pick(['ack', 'ping', 'pong', 'channel', 'channel-close']),
          ack: pick([0, 1, 1e9, 'x']),
          id: below(3),
          channel: 1,
        }),
        () => ({
          type: 'event',
          event: pick([{ type: 'status', status: {} }, { type: 'versions', versions: {} }, null]),
        }),
        () =>
          pick([
            welcome,
            { type: 'closed', error: { code: 'SESSION_CLOSED', message: 'm' }, resumable: false },
            null,
            {},
            'x',
          ]),
      ])();

    const outcomes = { fulfilled: 0, rejected: 0 };
    for (let count = 0; count < CONVERSATIONS; count += 1) {
      seq = 0;
      const connection = makeConnection({
        startTimeoutMs: 5,
        open: () =>
          makePort(({ type }, say) => {
            if (type === 'hello' && chance(0.95)) say(welcome);
            else for (const said of some(message)) say(said);
          }),
      });
      await connection.ready().catch(() => undefined);
      const session = connection.session();
      const calls = [1, 2, 3].map((arg) => session.call('o-1', 'm', [arg, Promise.resolve(arg)]));
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
      void connection.close();
      for (const { status } of await Promise.allSettled(calls)) outcomes[status] += 1;
    }
    expect(outcomes.fulfilled).toBeGreaterThan(0);
    expect(outcomes.rejected).toBeGreaterThan(CONVERSATIONS);
  },
);
