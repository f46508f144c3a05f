/**
 * The script of `vat-sandbox.html`: starts vats' workers for a kernel's worker elsewhere. A worker started here has this
 * page's opaque origin and its policy, so that code which gets out of SES finds no origin and no network.
 */
import { sandboxReady, type FromSandbox, type ToSandbox } from '../../protocol/sandbox-wire.js';

/** Puts the port in the place of the worker's own messages, before the program takes hold of them. */
const prelude = `'use strict';
onmessage = ({ ports: [port] }) => {
  onmessage = null;
  const add = addEventListener;
  globalThis.postMessage = (message) => port.postMessage(message);
  globalThis.addEventListener = (type, listener) =>
    type === 'message' ? void (port.onmessage = listener) : add.call(globalThis, type, listener);
`;

const workers = new Map<number, Worker>();
let program = '';

function serve(port: MessagePort): void {
  const lost = (id: number, why: string): void => {
    if (!stop(id)) return;
    port.postMessage({ type: 'lost', id, why } satisfies FromSandbox);
  };
  port.onmessage = ({ data }: MessageEvent<ToSandbox>) => {
    if (data.type === 'program') {
      const blob = new Blob([prelude, data.text, '\n};'], { type: 'text/javascript' });
      program = URL.createObjectURL(blob);
    } else if (data.type === 'start') {
      const { id } = data;
      const worker = new Worker(program, { name: data.name });
      workers.set(id, worker);
      worker.onerror = (event) => {
        event.preventDefault();
        lost(id, `its worker failed: ${event.message || 'its program could not be loaded'}`);
      };
      worker.postMessage(null, [data.port]);
    } else stop(data.id);
  };
}

function stop(id: number): boolean {
  workers.get(id)?.terminate();
  return workers.delete(id);
}

addEventListener(
  'message',
  ({ source, ports: [port] }) => {
    if (source === parent && port !== undefined) serve(port);
  },
  { once: true },
);
parent.postMessage(sandboxReady, '*');
