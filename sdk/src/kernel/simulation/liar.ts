/** A vat whose worker was taken over: what it says is legal, or illegal, or no crank at all. */
import type { CrankResult, Delivery, Syscall } from '../../protocol/vat-wire.js';
import type { VRef } from '../../protocol/refs.js';
import type { FakeVat } from './fake-vat.js';
import type { Random } from './random.js';

const endless: unknown[] = [];
endless.push(endless);

const junk: readonly unknown[] = [
  undefined,
  null,
  7,
  NaN,
  7n,
  true,
  '',
  'o-1',
  'ko4',
  '__proto__',
  '\ud800',
  [],
  {},
  [null],
  endless,
  new Map(),
  new Array(2 ** 32 - 1),
  Object.assign([1, 2], { map: 7, forEach: 7 }),
  JSON.parse('{"__proto__": {"own": []}, "constructor": 1, "length": 9}'),
  { toString: 1, valueOf: 1 },
  'x'.repeat(70),
];

export function makeLiar(random: Random) {
  const anyVRef = (known: readonly VRef[]): VRef =>
    random.chance(0.6) && known.length > 0
      ? random.pick(known)
      : random.pick(['o-', 'o+', 'p-', 'p+', 'o+d1/']) + String(random.below(12));

  const anySlots = (known: readonly VRef[]): VRef[] =>
    Array.from({ length: random.below(4) }, () => anyVRef(known));

  const anyValue = (known: readonly VRef[]) => {
    const body = random.pick([
      '#7',
      '#"$0.Alleged: lie"',
      '#"&0"',
      '#"$0"',
      'no text',
      '#["m",[0]]',
    ]);
    return { body, slots: random.chance(0.6) ? [anyVRef(known)] : anySlots(known) };
  };

  const anySyscall = (known: readonly VRef[]): Syscall => {
    switch (
      random.weighted({
        send: 6,
        subscribe: 2,
        resolve: 4,
        drop: 1,
        retire: 1,
        exports: 1,
        abandon: 2,
        exit: 0.3,
      })
    ) {
      case 'send':
        return {
          type: 'send',
          target: anyVRef(known),
          methargs: anyValue(known),
          ...(random.chance(0.7) && { result: anyVRef(known) }),
        };
      case 'subscribe':
        return { type: 'subscribe', vpid: anyVRef(known) };
      case 'resolve':
        return {
          type: 'resolve',
          resolutions: Array.from({ length: 1 + random.below(3) }, () => ({
            vpid: anyVRef(known),
            rejected: random.chance(0.3),
            value: anyValue(known),
          })),
        };
      case 'drop':
        return { type: 'drop-imports', vrefs: anySlots(known) };
      case 'retire':
        return { type: 'retire-imports', vrefs: anySlots(known) };
      case 'exports':
        return { type: 'retire-exports', vrefs: anySlots(known) };
      case 'abandon':
        return { type: 'abandon-exports', vrefs: anySlots(known) };
      case 'exit':
        return { type: 'exit', failure: random.chance(0.5), completion: anyValue(known) };
    }
  };

  /** The same with something else somewhere in it. */
  const distort = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null || random.chance(0.2)) return random.pick(junk);
    const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...value }) as Record<
      string,
      unknown
    >;
    const keys = Object.keys(copy);
    const key = random.chance(0.1) || keys.length === 0 ? 'more' : random.pick(keys);
    copy[key] = distort(copy[key]);
    return copy;
  };

  /** Legal for a vat that knows what it may name, though no correct runtime would do it. */
  const strange = (known: readonly VRef[], first: number): Syscall[] => {
    const [a, b, c] = [`p+${first}`, `p+${first + 1}`, `p+${first + 2}`];
    const target = random.maybePick(known) ?? 'o+0';
    const value = { body: '#"&0"', slots: [b] };
    return random.pick<Syscall[]>([
      // Promises that wait for themselves, for one another, or for nobody.
      [{ type: 'send', target: a, methargs: { body: '#1', slots: [a] }, result: a }],
      [
        { type: 'send', target: a, methargs: { body: '#1', slots: [] }, result: b },
        { type: 'send', target, methargs: { body: '#1', slots: [a, b] } },
        { type: 'resolve', resolutions: [{ vpid: a, rejected: false, value }] },
      ],
      [
        { type: 'send', target: a, methargs: { body: '#1', slots: [] }, result: b },
        { type: 'send', target: b, methargs: { body: '#1', slots: [] }, result: c },
        { type: 'send', target: c, methargs: { body: '#1', slots: [] }, result: a },
      ],
      // Rings of promises that were resolved to one another.
      [
        { type: 'send', target, methargs: { body: '#1', slots: [a] } },
        {
          type: 'resolve',
          resolutions: [
            { vpid: a, rejected: false, value },
            { vpid: b, rejected: false, value: { body: '#"&0"', slots: [a] } },
          ],
        },
        { type: 'send', target: c, methargs: { body: '#1', slots: [c, a] } },
      ],
      // An object where a promise is, and the other way round.
      [
        { type: 'send', target, methargs: { body: '#1', slots: [a, b] } },
        {
          type: 'resolve',
          resolutions: [{ vpid: a, rejected: false, value: { body: '#"&0"', slots: ['o+0'] } }],
        },
        {
          type: 'resolve',
          resolutions: [{ vpid: b, rejected: false, value: { body: '#"$0"', slots: [c] } }],
        },
      ],
      // An export that is given up while it is on its way, and comes again.
      [
        { type: 'send', target, methargs: { body: '#1', slots: [`o+${first}`, 'o+d1/1'] } },
        { type: 'abandon-exports', vrefs: [`o+${first}`, 'o+d1/1'] },
        { type: 'send', target, methargs: { body: '#1', slots: [`o+${first}`, 'o+d1/1'] } },
      ],
    ]);
  };

  let next = 1_000;

  return function lie(result: CrankResult, delivery: Delivery, { tables }: FakeVat): unknown {
    const reachable = [...tables.objects].filter(([vref, { reach }]) => reach || vref[1] === '+');
    const known = [...reachable.map(([vref]) => vref), ...tables.promises.keys()];
    switch (
      random.weighted({ truth: 6, strange: 4, illegal: 2, writes: 2, distorted: 2, kept: 1 })
    ) {
      case 'truth':
        return result;
      case 'strange': {
        next += 10;
        return { ...result, own: [...result.own, ...strange(known, next)] };
      }
      case 'illegal': {
        const lies = Array.from({ length: 1 + random.below(3) }, () => anySyscall(known));
        const where = random.chance(0.5) ? 'own' : 'prior';
        return { ...result, [where]: [...result[where], ...lies] };
      }
      case 'writes': {
        const writes = Array.from({ length: 1 + random.below(3) }, () => ({
          key: random.pick(['k0', 'k1', 'x.o+d1/1', '', '.', 'b\0']),
          value: random.chance(0.5) ? null : '#',
          slots: random.chance(0.5)
            ? anySlots(known)
            : known.filter((vref) => vref.startsWith('o-')),
        }));
        return { ...result, writes: [...result.writes, ...writes] };
      }
      case 'distorted':
        return distort(result);
      case 'kept':
        return {
          ...result,
          kept: 'vrefs' in delivery && random.chance(0.5) ? delivery.vrefs : ['o+0'],
        };
    }
  };
}
