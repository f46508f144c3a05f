/** Matchers for `expect.extend` of Vitest and Jest. */
import { isKernelError, type KernelErrorCode } from '../errors.js';
import { isRef } from '../client/ref.js';
import { describe } from '../protocol/describe.js';

type Outcome = { pass: boolean; message: () => string };

const outcome = (pass: boolean, found: string, wanted: string): Outcome => ({
  pass,
  message: () => `expected ${found} ${pass ? 'not ' : ''}${wanted}`,
});

const tagOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

/**
 * For `expect.extend(matchers)`:
 *
 *     expect(await root.reader()).toBeRefTo('Reader');
 *     await expect(root.fail()).toRejectWithCode('TIMEOUT');
 */
export const matchers = {
  /** A ref, to an object of this interface where one is named. */
  toBeRefTo(found: unknown, iface?: string): Outcome {
    const isOne = isRef(found) && (iface === undefined || tagOf(found) === iface);
    const what = isRef(found) ? `a ref to ${tagOf(found)}` : describe(found);
    return outcome(isOne, what, `to be a ref${iface === undefined ? '' : ` to ${iface}`}`);
  },

  /** A promise that rejects with a KernelError of this code. */
  async toRejectWithCode(found: unknown, code: KernelErrorCode): Promise<Outcome> {
    const wanted = `to reject with ${code}`;
    try {
      return outcome(false, `a promise that gave ${describe(await found)}`, wanted);
    } catch (thrown) {
      const shown =
        thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : describe(thrown);
      return outcome(isKernelError(thrown, code), `a promise that rejected with ${shown}`, wanted);
    }
  },
};

/**
 * Their types, for the test framework's own:
 *
 *     declare module 'vitest' {
 *       interface Matchers<T = any> extends VatkitMatchers<T> {}
 *     }
 */
export type VatkitMatchers<Returned = unknown> = {
  toBeRefTo(iface?: string): Returned;
  toRejectWithCode(code: KernelErrorCode): Promise<void>;
};
