/** What a session writes and reads, refs and promises included, against @endo/marshal at the other end. */
import 'ses';
import '@endo/eventual-send/shim.js';
import { expect, it } from 'vitest';
import { makeRandom } from '../kernel/simulation/random.js';
import type { CapData } from '../protocol/capdata.js';
import type { ClientOp, WelcomeMessage } from '../protocol/session-wire.js';
import { makeSession } from './session.js';

// Only so that marshal runs as in a vat. The client needs none of it.
Error.stackTraceLimit = 0;
lockdown({ errorTaming: 'unsafe-debug', consoleTaming: 'unsafe' });
const { makeMarshal } = await import('@endo/marshal');
const { Remotable } = await import('@endo/pass-style');

const VALUES = 100_000;

const welcome: WelcomeMessage = {
  ...{ type: 'welcome', protocol: 1, session: 'c1', secret: 's', resumed: false, received: 0 },
  ...{ closedBelow: 0, window: { frames: 1e9, chars: 1e12 }, storeId: 'S', epoch: 'e' },
  storage: 'memory',
};

it(
  `${VALUES} values are the same text, and come back as they went`,
  { timeout: 120_000 },
  async () => {
    const session = makeSession(() => undefined);
    session.welcomed(welcome);
    let seq = 0;
    let acked = 0;
    const nextCall = (): ClientOp & { op: 'call' } => {
      const ops: ClientOp[] = [];
      session.flush((frame) => {
        ops.push(...frame.ops);
        acked = frame.seq;
      });
      return ops.find(({ op }) => op === 'call') as ClientOp & { op: 'call' };
    };
    const answer = (promise: string, value: CapData, names: string[] = []): void =>
      session.receive({
        ...{ type: 'frame', seq: (seq += 1), ack: acked, acked: seq - 1 },
        ops: [{ op: 'settle', resolutions: [{ promise, rejected: false, value }] }],
        names: names.map((ref) => ({ ref, id: ref, methods: ['a'] })),
      });

    // Refs and promises as the page has them, and what stands for them in a vat, by the names that both know.
    const ifaces = ['Alleged: counter', 'Alleged: a.b', 'Remotable'];
    const given = session.call('o-9', 'give', []);
    const body = `#[${ifaces.map((iface, index) => `"$${index}.${iface}"`).join()}]`;
    answer(nextCall().result as string, { body, slots: ['o-1', 'o-2', 'o-3'] }, [
      'o-1',
      'o-2',
      'o-3',
    ]);
    const refs = (await given) as object[];
    const promises = [new Promise(() => undefined), new Promise(() => undefined)];
    void session.call('o-9', 'take', promises);
    const promiseNames = nextCall().methargs.slots;
    const theirs = new Map<string, unknown>([
      ...ifaces.map((iface, index) => [`o-${index + 1}`, Remotable(iface, undefined, {})] as const),
      ...promiseNames.map((name) => [name, harden(new Promise(() => undefined))] as const),
    ]);
    const names = new Map([...theirs].map(([name, value]) => [value, name]));
    const marshal = makeMarshal<string>(
      (value) => names.get(value) as string,
      (slot) => theirs.get(slot) as never,
      { serializeBodyFormat: 'smallcaps', errorTagging: 'off' },
    );
    const ours = [...refs, ...promises];
    const stands = [...theirs.values()];

    const { below, pick } = makeRandom(4);
    const texts = ['', 'a', '#x', '$0', '&1', '+5', '!', '%y', '-', 'ключ', '\ud800', '__proto__'];
    const leaves = [
      undefined,
      null,
      true,
      0,
      -0,
      1.5,
      NaN,
      Infinity,
      10n ** 30n,
      -1n,
      Symbol.for('s'),
    ];
    /** The page's value, and the vat's. */
    const pair = (depth: number): [unknown, unknown] => {
      switch (below(depth > 0 ? 8 : 5)) {
        case 0: {
          const index = below(ours.length);
          return [ours[index], stands[index]];
        }
        case 1: {
          const error = pick([TypeError, Error, RangeError]);
          const text = pick(texts);
          return [new error(text), new error(text)];
        }
        case 2: {
          const text = pick(texts);
          return [text, text];
        }
        case 3:
        case 4: {
          const leaf = pick(leaves);
          return [leaf, leaf];
        }
        case 5: {
          const items = Array.from({ length: below(4) }, () => pair(depth - 1));
          return [items.map(([mine]) => mine), items.map(([, their]) => their)];
        }
        default: {
          const entries = Array.from(
            { length: below(4) },
            () => [pick(texts), ...pair(depth - 1)] as const,
          );
          return [
            Object.fromEntries(entries.map(([key, mine]) => [key, mine])),
            Object.fromEntries(entries.map(([key, , their]) => [key, their])),
          ];
        }
      }
    };

    for (let count = 0; count < VALUES; count += 1) {
      const [mine, their] = pair(3);
      const result = session.call('o-9', 'm', [mine]);
      const { methargs, result: promise } = nextCall();
      const marshals = marshal.toCapData(harden(['m', [their]]) as never) as CapData;
      if (methargs.body !== marshals.body || methargs.slots.join() !== marshals.slots.join())
        expect(methargs).toStrictEqual(marshals);
      answer(promise as string, marshal.toCapData(harden([their]) as never));
      const [back] = (await result) as [unknown];
      void session.call('o-9', 'm', [back]);
      const again = nextCall();
      if (again.methargs.body !== methargs.body) expect(again.methargs).toStrictEqual(methargs);
      answer(again.result as string, { body: '#0', slots: [] });
    }
  },
);
