/**
 * What became of messages lately, for people to look at. It is kept only while somebody asks for it: the first question
 * begins it, and it ends, and is forgotten, when nobody has asked for a while.
 */
import type { Trace } from '../kernel/traces.js';
import { limits } from '../limits.js';
import { previewOf, previewOfCall } from './preview.js';

export type LoggedMessage = {
  /** Counts from 1 in the order in which they were sent. */
  id: number;
  /** Rises with each change of any message; what is asked for `after` it is newer. */
  change: number;
  /** A vat `v1`, a client `c1`, `a1` for the methods of `Kernel`, a peer `r1`, or `kernel`. */
  from: string;
  /** The object, or the promise of one, that it was sent to. */
  target: string;
  /** Who has the target; of a promise's, once the message has arrived. */
  to?: string;
  method: string;
  /** Its arguments, cut short: `(ko5, 'milk', 5n)`. */
  args: string;
  /** The promise of its result; absent where its sender wanted none. */
  result?: string;
  /** The `id` of the message that its sender was working on, or whose result it had just heard. */
  cause?: number;
  /** Milliseconds since 1970: when it was sent, when its vat was given it, when its result was settled. */
  sentAt: number;
  begunAt?: number;
  settledAt?: number;
  outcome?: 'fulfilled' | 'rejected';
  /** What it was settled with, cut short. */
  value?: string;
};

export type MessagePage = {
  /** To be asked `after` the next time. */
  change: number;
  /** Messages with a smaller id are forgotten. */
  oldest: number;
  messages: LoggedMessage[];
};

export type TimedTrace = { trace: Trace; at: number };

export function makeMessageLog({
  watch,
  now,
}: {
  /** Begins and ends the traces. */
  watch: (on: boolean) => void;
  now: () => number;
}) {
  const messages = new Map<number, LoggedMessage>();
  const byResult = new Map<string, LoggedMessage>();
  let lastId = 0;
  let lastChange = 0;
  let askedAt: number | undefined;

  const touch = (message: LoggedMessage, change: Partial<LoggedMessage>): void => {
    lastChange += 1;
    Object.assign(message, change, { change: lastChange });
  };

  const forget = (message: LoggedMessage): void => {
    messages.delete(message.id);
    if (byResult.get(message.result ?? '') === message) byResult.delete(message.result as string);
  };

  const sent = (trace: Trace & { what: 'sent' }, at: number): void => {
    const { from, target, to, methargs, result, cause } = trace;
    lastId += 1;
    lastChange += 1;
    const causedBy = cause === undefined ? undefined : byResult.get(cause)?.id;
    const message: LoggedMessage = {
      id: lastId,
      change: lastChange,
      from: from ?? 'kernel',
      target,
      ...(to !== undefined && { to }),
      ...previewOfCall(methargs),
      ...(result !== undefined && { result }),
      ...(causedBy !== undefined && { cause: causedBy }),
      sentAt: at,
    };
    messages.set(message.id, message);
    if (result !== undefined) byResult.set(result, message);
    if (messages.size <= limits.loggedMessagesMax) return;
    for (const oldest of messages.values()) {
      forget(oldest);
      break;
    }
  };

  const take = ({ trace, at }: TimedTrace): void => {
    if (trace.what === 'sent') return sent(trace, at);
    const message = byResult.get(trace.what === 'begun' ? trace.result : trace.promise);
    if (message === undefined) return;
    // What is begun once more was begun before its vat was lost.
    if (trace.what === 'begun') touch(message, { begunAt: at, to: trace.vatId });
    else {
      touch(message, {
        settledAt: at,
        outcome: trace.rejected ? 'rejected' : 'fulfilled',
        value: previewOf(trace.value),
      });
    }
  };

  const end = (): void => {
    askedAt = undefined;
    watch(false);
    messages.clear();
    byResult.clear();
  };

  return {
    isOn: (): boolean => askedAt !== undefined,

    /** What was committed. */
    take(traces: readonly TimedTrace[]): void {
      if (askedAt === undefined) return;
      if (now() - askedAt > limits.messageLogIdleMs) end();
      else traces.forEach(take);
    },

    /** Messages that were sent, or have changed, after the change number. */
    read(after = 0): MessagePage {
      if (askedAt === undefined) watch(true);
      askedAt = now();
      const [oldest = lastId + 1] = messages.keys();
      const changed = [...messages.values()].filter(({ change }) => change > after);
      return { change: lastChange, oldest, messages: changed.map((message) => ({ ...message })) };
    },

    end,
  };
}

export type MessageLog = ReturnType<typeof makeMessageLog>;
