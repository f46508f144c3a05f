/** A promise that the host settles: the result of a call, or one in a value. */
import { KernelError } from '../errors.js';
import type { VatVersions } from '../protocol/session-wire.js';
import { makePipelined, markHandled, refused, type Pipe } from './pipeline.js';
import { isRef, send } from './ref.js';
import type { SendOptions } from './types.js';

export type Answer = {
  readonly promise: Promise<unknown>;
  /** Was it settled, or does nobody want the value any more? */
  readonly isDone: () => boolean;
  /** Has no effect where it is done. */
  readonly settle: (rejected: boolean, value: unknown, touched?: VatVersions) => void;
};

/** A longer timer fires at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/**
 * @param toName - sends to the name that the host knows the promise by, until it is done.
 * @param onDone - it was settled, or its caller was answered at once because of `options`; then what the host will answer
 * is to be released when it comes.
 */
export function makeAnswer(
  toName: Pipe,
  onDone: (promise: Promise<unknown>) => void,
  { signal, timeoutMs, onTouched }: SendOptions = {},
): Answer {
  let outcome: { rejected: boolean; value: unknown } | undefined;
  const { promise, resolve, reject } = makePipelined((method, args, more) => {
    markHandled(promise);
    if (!outcome) return toName(method, args, more);
    const { rejected, value } = outcome;
    if (rejected) return refused(value);
    if (isRef(value) || value instanceof Promise) return send(value, method, args, more);
    const what = `Cannot call ${String(method)}: the promise gave no object`;
    return refused(new KernelError('BAD_PROMISE_RESOLUTION', what));
  });
  const settle: Answer['settle'] = (rejected, value, touched) => {
    if (outcome) return;
    if (touched) onTouched?.(touched);
    outcome = { rejected, value };
    signal?.removeEventListener('abort', abort);
    clearTimeout(timer);
    onDone(promise);
    if (rejected) reject(value);
    else resolve(value);
  };
  const abort = (): void => settle(true, signal?.reason);
  signal?.addEventListener('abort', abort);
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(
          () => settle(true, new KernelError('TIMEOUT', `No answer within ${timeoutMs} ms`)),
          Math.min(timeoutMs, TIMER_MAX_MS),
        );
  return { promise, isDone: () => outcome !== undefined, settle };
}
