/** Values as those who call the kernel by krefs have them: data, errors, and a stand-in for each reference. */
import type { CapData } from './capdata.js';
import { describeOrQuote } from './describe.js';
import { isKRef, isPromiseKRef, type KRef } from './refs.js';
import { decode, encode, type EncodeOptions, type Mention, type SlotRef } from './smallcaps.js';
import type { Label } from './trail.js';

/** Of all copies of this package: a stand-in of one must pass through the other. */
export const standInBrand = Symbol.for('vatkit.kslot');
const brand: typeof standInBrand = standInBrand;

/**
 * Names an object or promise of the kernel among data. It has no methods of the object and no `then`: to
 * await a promise's stand-in gives the stand-in. Two of one kref are equal, though not identical.
 */
class StandIn {
  declare readonly [brand]: true;
  readonly kref: KRef;
  readonly #iface: string | undefined;

  constructor(kref: KRef, iface: string | undefined) {
    this.kref = kref;
    this.#iface = iface;
    Object.freeze(this);
  }

  /** The kref, as {@link krefOf} gives it. */
  getKref(): KRef {
    return this.kref;
  }

  /** The interface's name as it stands on the wire: `Alleged: counter`. Not part of equality: the first mention alone tells it. */
  get iface(): string | undefined {
    return this.#iface;
  }
}
// On the prototype, where comparing and printing stand-ins does not show it.
Object.defineProperty(StandIn.prototype, brand, { value: true });
Object.freeze(StandIn.prototype);

export type { StandIn };

export const isStandIn = (value: unknown): value is StandIn =>
  typeof value === 'object' && value !== null && (value as Partial<StandIn>)[brand] === true;

/**
 * A stand-in for the object or promise `kref`, to be sent as an argument or compared with a result.
 *
 *     await kernel.queueMessage(alice, 'meet', [kslot('ko5')]);
 *     expect(kunser(answer)).toStrictEqual({ friend: kslot('ko5') });
 *
 * @param iface - what the receiver sees as the object's interface: `counter`, on the wire `Alleged: counter`.
 * @throws TypeError where `kref` is none.
 */
export function kslot(kref: KRef, iface?: string): StandIn {
  if (!isKRef(kref))
    throw new TypeError(`kslot takes a kref like "ko4"; found ${describeOrQuote(kref)}`);
  if (iface === undefined || isPromiseKRef(kref)) return new StandIn(kref, undefined);
  const isWireForm = iface === 'Remotable' || /^(?:Alleged|DebugName): /.test(iface);
  return new StandIn(kref, isWireForm ? iface : `Alleged: ${iface}`);
}

/**
 * The kref of a stand-in: `krefOf(kunser(answer))`.
 *
 * @throws TypeError where `standIn` is none.
 */
export function krefOf(standIn: unknown): KRef {
  if (isStandIn(standIn)) return standIn.kref;
  throw new TypeError(
    `krefOf takes a reference that kslot or kunser gave; found ${describeOrQuote(standIn)}`,
  );
}

/**
 * A value as {@link CapData}; see `smallcaps.ts` for what can be passed.
 *
 *     kser({ from: kslot('ko4', 'purse'), amount: 3n });
 *     // { body: '#{"amount":"+3","from":"$0.Alleged: purse"}', slots: ['ko4'] }
 *
 * @throws TypeError that names what cannot be passed: `Cannot pass value.from: a function`.
 */
export const kser = (value: unknown, options: KserOptions = {}): CapData<KRef> =>
  encode(value, { slotOf: standInSlot, ...options });

/** A message's method and arguments as {@link CapData}; errors say `args[0]`. */
export const kserMethargs = (
  method: unknown,
  args: readonly unknown[],
  options: KserOptions = {},
): CapData<KRef> => kser([method, args], { label: ['method', 'args'], ...options });

export type KserOptions = Pick<EncodeOptions<KRef>, 'label' | 'hint' | 'bytesMax'>;

/**
 * The value of {@link CapData}: data, errors, and stand-ins for references.
 *
 *     const answer = await kernel.queueMessage(alice, 'friend', []);
 *     kunser(answer); // { friend: kslot('ko5') }
 *
 * Of a rejection it is what was thrown: an Error with its name and message, and a KernelError with its code
 * where the message is in the kernel's text form, `[KERNEL:VAT_TERMINATED] …`.
 *
 * @throws TypeError where `capdata` is something else, or its body cannot be read.
 */
export function kunser(capdata: CapData<KRef>, options: { label?: Label } = {}): unknown {
  const { body, slots } = (capdata ?? {}) as Partial<CapData<KRef>>;
  if (typeof body !== 'string' || !Array.isArray(slots))
    throw new TypeError(`kunser takes CapData {body, slots}; found ${describeOrQuote(capdata)}`);
  return decode({ body, slots }, { fromSlot: standInFor, ...options });
}

/** For a codec whose realm has references of other kinds, too. */
export function standInSlot(value: object): SlotRef<KRef> | undefined {
  if (!isStandIn(value)) return undefined;
  const { kref, iface } = value;
  return { slot: kref, promise: isPromiseKRef(kref), iface };
}

/** @throws TypeError where the body mentions a promise as an object, or the other way round. */
export function standInFor(kref: KRef, { promise, iface }: Mention): StandIn {
  if (!isKRef(kref) || isPromiseKRef(kref) !== promise)
    throw new TypeError(
      `Cannot read slot ${describeOrQuote(kref)}: it is mentioned as ${promise ? 'a promise' : 'an object'}`,
    );
  return new StandIn(kref, iface);
}
