/**
 * One way to post and to listen, over a browser's Worker or MessagePort and over Node's. They are told apart by what
 * they can do, so that no module of Node's is needed.
 */
import { describe } from '../protocol/describe.js';

export type Channel = {
  post(message: unknown): void;
  /** Ends a worker. A port is closed only with `final`: another kernel may come to its other end. */
  close(final: boolean): void;
  /** Gives a worker so many milliseconds to end by itself, then ends it. A port is closed at once. */
  finish(timeoutMs: number): Promise<void>;
};

export type ChannelEvents = {
  onMessage(message: unknown): void;
  /** Nothing more will come. May be told more than once. */
  onLost(cause: unknown): void;
};

/** Whichever of these it has. */
type AnyPort = {
  postMessage(message: unknown): void;
  on?(type: string, listener: (value: unknown) => void): void;
  addEventListener?(type: string, listener: (event: never) => void): void;
  start?(): void;
  close?(): void;
  terminate?(): unknown;
};

/** What is more than a port, and opens a channel itself. */
export type Openable = { listen(events: ChannelEvents): Channel };

/**
 * Who has closed a channel still hears of it, and ignores that: what a worker reports on its way Node would throw if
 * nobody listened.
 *
 * @throws TypeError where `target` is neither a worker nor a port.
 */
export function openChannel(target: unknown, events: ChannelEvents): Channel {
  const port = target as (AnyPort & Partial<Openable>) | null | undefined;
  if (port?.listen) return port.listen(events);
  const { onMessage, onLost } = events;
  if (!(port?.on ?? port?.addEventListener))
    throw new TypeError(`expected a Worker or MessagePort, found ${describe(target)}`);

  let finished = (): void => undefined;
  const hear = (type: string, tell: (value: unknown) => void): void => {
    if (port.on) port.on(type, tell);
    else
      port.addEventListener?.(type, (event: MessageEvent & ErrorEvent) =>
        tell(type === 'message' ? event.data : (event.error ?? event.message)),
      );
  };
  hear('message', onMessage);
  for (const type of ['messageerror', 'error', 'exit', 'close'])
    hear(type, (what) => {
      finished();
      onLost(what instanceof Error ? what : new Error([type, what].join(' ')));
    });
  port.start?.();

  const close = (final: boolean): void => {
    if (port.terminate) void port.terminate();
    else if (final) port.close?.();
  };
  return {
    post: (message) => port.postMessage(message),
    close,
    async finish(timeoutMs) {
      let timer;
      if (port.terminate)
        await new Promise<void>((resolve) => {
          finished = resolve;
          timer = setTimeout(resolve, timeoutMs);
        });
      clearTimeout(timer);
      close(true);
    },
  };
}
