/**
 * What the vat asks its host to do and waits for. An answer arrives between cranks or within one; what it leads to
 * is the vat's activity like any other.
 */
import type { FetchResponse, FromVat, HostAnswer, HostAsk } from '../protocol/vat-wire.js';

export type HostAsks = ReturnType<typeof makeHostAsks>;

/** @param asksMax - that may be under way; the host holds the vat to it, too. */
export function makeHostAsks(post: (message: FromVat) => void, asksMax: number) {
  const open = new Map<number, (answer: HostAnswer) => void>();
  let lastId = 0;

  return harden({
    /** `answer` rejects with a plain error; after `cancel` it never settles. */
    ask(asked: HostAsk): { answer: Promise<FetchResponse>; cancel(): void } {
      if (open.size >= asksMax) {
        throw RangeError(`A vat may have ${asksMax} requests under way`);
      }
      lastId += 1;
      const id = lastId;
      let settle!: (given: HostAnswer) => void;
      const answer = new Promise<FetchResponse>((resolve, reject) => {
        settle = (given) => {
          if (given.ok) resolve(given.value);
          else reject(toError(given.error));
        };
      });
      open.set(id, settle);
      post({ type: 'ask', id, ...asked });
      return {
        answer,
        cancel() {
          if (open.get(id) !== settle) return;
          // Its place is free when the host has done with it: what waits for the host is bounded.
          open.set(id, () => {});
          post({ type: 'cancel', id });
        },
      };
    },

    reply(id: number, answer: HostAnswer): void {
      const settle = open.get(id);
      open.delete(id);
      settle?.(answer);
    },

    /** For tests and diagnosis. */
    size: () => open.size,
  });
}

function toError({ name, message }: { name: string; message: string }): Error {
  if (name === 'TypeError') return TypeError(message);
  const error = Error(message);
  // The kernel's own errors have their code in the message; a vat sees them as plain ones.
  if (name !== 'Error' && name !== 'KernelError')
    Object.defineProperty(error, 'name', { value: name });
  return error;
}
