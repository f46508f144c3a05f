/**
 * One way to post and to listen, over a browser's Worker or MessagePort and over Node's. They are told apart by what
 * they can do, so that no module of Node's is needed.
 */
import { describe } from '../protocol/describe.js';

export type Channel = {
  post(message: unknown): void;
  /** Stops listening and ends a worker. A port is closed only with `final`: another kernel may come to its other end. */
  close(final: boolean): void;
  /** Gives a worker so many milliseconds to end by itself, then ends it. A port is closed at once. */
  finish(timeoutMs: number): Promise<void>;
};

export type ChannelEvents = {
  onMessage?: (message: unknown) => void;
  /** Nothing more will come. */
  onLost?: (cause: unknown) => void;
};

type Listener = (event: never) => void;
type Listen = (type: string, listener: Listener) => void;

/** Whichever of these it has. */
type AnyPort = {
  postMessage(message: unknown): void;
  on?: Listen;
  off?: Listen;
  addEventListener?: Listen;
  removeEventListener?: Listen;
  start?(): void;
  close?(): void;
  terminate?(): unknown;
};

const ignore = (): void => undefined;

/** @throws TypeError where `target` is neither a worker nor a port. */
export function openChannel(
  target: unknown,
  { onMessage = ignore, onLost = ignore }: ChannelEvents,
): Channel {
  const port = target as AnyPort;
  const isNodes = typeof port?.on === 'function';
  const add = isNodes ? port.on : port?.addEventListener;
  const remove = isNodes ? port.off : port?.removeEventListener;
  if (typeof port?.postMessage !== 'function' || add === undefined || remove === undefined)
    throw new TypeError(`expected a Worker or a MessagePort, found ${describe(target)}`);

  let onEnd = (): void => undefined;
  const ended = (cause: unknown): void => {
    onEnd();
    onLost(cause);
  };
  const closed = (): void => ended(new Error('the port was closed'));
  const listeners: { [type: string]: Listener } = isNodes
    ? {
        message: onMessage,
        messageerror: onLost,
        error: onLost,
        exit: (code: unknown) =>
          ended(new Error(`the worker ended with exit code ${String(code)}`)),
        close: closed,
      }
    : {
        message: ({ data }: MessageEvent) => onMessage(data),
        messageerror: () => onLost(new Error('a message could not be read')),
        error: ({ error, message }: ErrorEvent) =>
          onLost(error ?? new Error(message || 'the worker could not be loaded')),
        close: closed,
      };
  for (const type of Object.keys(listeners)) add.call(port, type, listeners[type] as Listener);
  port.start?.();

  const close = (final: boolean): void => {
    for (const type of Object.keys(listeners)) remove.call(port, type, listeners[type] as Listener);
    if (typeof port.terminate === 'function') {
      // What it reports on its way concerns nobody; unheard, Node would throw it.
      if (isNodes) add.call(port, 'error', () => undefined);
      void port.terminate();
    } else if (final) port.close?.();
  };

  return {
    post: (message) => port.postMessage(message),
    close,
    async finish(timeoutMs) {
      if (typeof port.terminate === 'function') {
        let timer;
        await new Promise<void>((resolve) => {
          onEnd = resolve;
          timer = setTimeout(resolve, timeoutMs);
        });
        clearTimeout(timer);
      }
      close(true);
    },
  };
}
