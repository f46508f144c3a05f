/**
 * Ports for other realms (an iframe, a worker, a plug-in): each carries a session of its own, whose messages the page
 * passes on unread. What that session may reach, the kernel enforces.
 */
import { limits } from '../limits.js';
import type { ToHost, WireError } from '../protocol/session-wire.js';
import { openChannel, type Channel } from './channel.js';

type Port = {
  realm: Channel;
  session: string;
  secret: string;
  /** Its number on the page's present channel; undefined while there is none. */
  number: number | undefined;
  /** What came from the realm meanwhile. */
  held: unknown[];
};

export function makePorts(post: (message: ToHost) => void) {
  const ports = new Set<Port>();
  let last = 0;

  const open = (port: Port): void => {
    const { session, secret } = port;
    const channel = (port.number = last += 1);
    post({ type: 'channel-open', channel, session, secret });
    for (const message of port.held.splice(0)) post({ type: 'channel', channel, message });
  };

  const at = (number: number): Port | undefined =>
    [...ports].find((port) => port.number === number);

  const close = (port: Port): void => {
    ports.delete(port);
    port.realm.close(true);
  };

  const sayClosed = ({ realm }: Port, code: WireError['code'], resumable: boolean): void =>
    realm.post({
      type: 'closed',
      error: { code, message: `[KERNEL:${code}] The page that passes this port on has lost it` },
      resumable,
    });

  return {
    /** @returns the end for the other realm. */
    make(session: string, secret: string): MessagePort {
      const { port1, port2 } = new MessageChannel();
      const realm = openChannel(port1, {
        onMessage(message) {
          if (port.number !== undefined) post({ type: 'channel', channel: port.number, message });
          else if (port.held.push(message) > limits.portMessagesHeldMax) close(port);
        },
        onLost() {
          if (port.number !== undefined) post({ type: 'channel-close', channel: port.number });
          ports.delete(port);
        },
      });
      const port: Port = { realm, session, secret, number: undefined, held: [] };
      ports.add(port);
      open(port);
      return port2;
    },
    deliver: (number: number, message: unknown): void => at(number)?.realm.post(message),
    ended(number: number): void {
      const port = at(number);
      if (port !== undefined) close(port);
    },
    /** The page's channel is lost. The realm says hello again, and that waits until there is another. */
    suspend(): void {
      for (const port of ports) {
        if (port.number !== undefined) sayClosed(port, 'KERNEL_STOPPED', true);
        port.number = undefined;
      }
    },
    resume: (): void => ports.forEach((port) => port.number ?? open(port)),
    close(): void {
      for (const port of ports) {
        sayClosed(port, 'SESSION_CLOSED', false);
        close(port);
      }
    },
  };
}
