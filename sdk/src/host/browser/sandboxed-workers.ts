/** Vats' workers in a sandbox, which another page has opened; see `protocol/sandbox-wire.ts`. */
import type { FromSandbox, ToSandbox } from '../../protocol/sandbox-wire.js';
import type { FromVat } from '../../protocol/vat-wire.js';
import type { PlatformServices } from '../platform-services.js';

export function makeSandboxedWorkers(
  sandbox: MessagePort,
  program: string,
): PlatformServices['startVatWorker'] {
  const lost = new Map<number, (why: string) => void>();
  let lastId = 0;
  const post = (message: ToSandbox, transfer: Transferable[] = []): void =>
    sandbox.postMessage(message, transfer);
  sandbox.onmessage = ({ data }: MessageEvent<FromSandbox>) => lost.get(data.id)?.(data.why);
  post({ type: 'program', text: program });

  return (vatId, { onMessage, onLost }) => {
    const id = (lastId += 1);
    const { port1, port2 } = new MessageChannel();
    const end = (): void => {
      lost.delete(id);
      port1.onmessage = null;
      port1.close();
      post({ type: 'stop', id });
    };
    const endWith = (why: string): void => {
      end();
      onLost(why);
    };
    lost.set(id, endWith);
    port1.onmessage = ({ data }: MessageEvent<FromVat>) => onMessage(data);
    port1.onmessageerror = () => endWith('its worker sent what cannot be read');
    post({ type: 'start', id, name: vatId, port: port2 }, [port2]);
    return {
      send: (message) => port1.postMessage(message),
      async terminate() {
        end();
      },
    };
  };
}
