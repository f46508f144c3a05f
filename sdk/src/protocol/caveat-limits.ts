/** What a caveat lets through: the last argument of `kernel.caveat` and of a vat's `vatPowers.caveat`. */
import { parseKernelErrorText } from '../errors.js';
import { limits } from '../limits.js';
import { listOf, makeStruct, object, text, type Shape } from './schema.js';

/** Each limit is at will; without any the reference can still be revoked. */
export type CaveatLimits = {
  /** Names of the methods that may be called: `['read', 'list']`. */
  methods?: string[];
  /** Messages that are let through, 1 or more; a message that is refused is none of them. */
  uses?: number;
  /** Milliseconds, by the clock of the kernel's host and whether it runs or not, after which nothing is let through. */
  expiresInMs?: number;
};

/** Some thousand years: a time that is a safe number of milliseconds still. */
const expiresInMsMax = 100_000_000_000_000;

const wholeNumber =
  (min: number, max: number): Shape<number> =>
  (value, path, report) =>
    Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max
      ? Number(value)
      : report(path, `needs a whole number from ${min} to ${max}`);

const struct = makeStruct<CaveatLimits>(
  'invalid caveat',
  object<CaveatLimits>({
    methods: listOf(text('the name of a method', limits.configNameCharsMax)),
    uses: wholeNumber(1, Number.MAX_SAFE_INTEGER),
    expiresInMs: wholeNumber(0, expiresInMsMax),
  }),
);

/** @throws TypeError that tells every problem with its place. */
export function checkCaveatLimits(value: unknown = {}): CaveatLimits {
  const [problem, checked] = struct.validate(value);
  if (problem === undefined) return checked;
  throw new TypeError(parseKernelErrorText(problem.message)?.message ?? problem.message);
}
