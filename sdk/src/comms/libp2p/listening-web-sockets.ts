/**
 * libp2p's WebSockets, listening. A socket of `ws` that hears nonsense throws where nobody listens for its errors, as libp2p
 * does not: one frame of a stranger would end the process.
 */
import type { MultiaddrConnection, Upgrader } from '@libp2p/interface';
import { webSockets } from '@libp2p/websockets';

type WebSockets = ReturnType<typeof webSockets>;

export const listeningWebSockets = (): WebSockets => {
  const make = webSockets();
  return (components) => {
    const transport = make(components);
    const { createListener } = transport;
    transport.createListener = (options) =>
      createListener.call(transport, { ...options, upgrader: hearingErrors(options.upgrader) });
    return transport;
  };
};

/** It closes by itself after an error, and is dealt with as closed. */
const hear = (connection: MultiaddrConnection): void => {
  const { websocket } = connection as { websocket?: Pick<EventTarget, 'addEventListener'> };
  websocket?.addEventListener('error', () => {});
};

const hearingErrors = (upgrader: Upgrader): Upgrader => ({
  upgradeOutbound: upgrader.upgradeOutbound.bind(upgrader),
  upgradeInbound: (connection: MultiaddrConnection, options) => {
    hear(connection);
    return upgrader.upgradeInbound(connection, options);
  },
  createInboundAbortSignal: (signal) => upgrader.createInboundAbortSignal(signal),
  getStreamMuxers: () => upgrader.getStreamMuxers(),
  getConnectionEncrypters: () => upgrader.getConnectionEncrypters(),
});
