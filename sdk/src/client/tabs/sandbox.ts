/** The frame in which a leading tab's vats run, where the app wants more around them than SES. */
import { limits } from '../../limits.js';
import { sandboxReady } from '../../protocol/sandbox-wire.js';

export type Sandbox = {
  /** The kernel's worker starts vats through it. */
  port: MessagePort;
  /** Ends the frame, and every worker in it. */
  close: () => void;
};

/** @throws Error where the page at `url` is not `vat-sandbox.html`, or where there is no document. */
export async function openSandbox(url: string | URL): Promise<Sandbox> {
  if (typeof document !== 'object')
    throw new Error('sandbox: a frame for vats needs a page, and here is no document');
  const frame = document.createElement('iframe');
  // An opaque origin: nothing of this page's can be reached from there.
  frame.sandbox.add('allow-scripts');
  frame.hidden = true;
  frame.src = String(url);
  let listener: ((event: MessageEvent) => void) | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      listener = ({ source, data }) => {
        if (source === frame.contentWindow && data === sandboxReady) resolve();
      };
      addEventListener('message', listener);
      timer = setTimeout(
        () =>
          reject(
            new Error(`sandbox: ${String(url)} is not vat-sandbox.html, or a policy forbids it`),
          ),
        limits.sandboxStartMs,
      );
      document.body.append(frame);
    });
  } catch (thrown) {
    frame.remove();
    throw thrown;
  } finally {
    clearTimeout(timer);
    if (listener !== undefined) removeEventListener('message', listener);
  }
  const { port1, port2 } = new MessageChannel();
  // The frame's origin is opaque, and has no name to send to.
  frame.contentWindow?.postMessage(null, '*', [port2]);
  return { port: port1, close: () => frame.remove() };
}
