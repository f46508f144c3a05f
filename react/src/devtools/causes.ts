import type { LoggedMessage } from '@vatkit/sdk/kernel';

export type Caused = { message: LoggedMessage; depth: number };

/** Each message below the one that caused it, in the order in which they were sent. */
export function byCause(messages: readonly LoggedMessage[]): Caused[] {
  const known = new Set(messages.map(({ id }) => id));
  const children = new Map<number | undefined, LoggedMessage[]>();
  for (const message of [...messages].sort((a, b) => a.id - b.id)) {
    const cause =
      message.cause !== undefined && known.has(message.cause) ? message.cause : undefined;
    const siblings = children.get(cause);
    if (siblings === undefined) children.set(cause, [message]);
    else siblings.push(message);
  }
  const ordered: Caused[] = [];
  const rest: Caused[] = (children.get(undefined) ?? [])
    .map((message) => ({ message, depth: 0 }))
    .reverse();
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    ordered.push(next);
    const { message, depth } = next;
    const caused = children.get(message.id) ?? [];
    rest.push(...caused.map((child) => ({ message: child, depth: depth + 1 })).reverse());
  }
  return ordered;
}
