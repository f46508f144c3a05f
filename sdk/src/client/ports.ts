/**
 * Ports for other realms (an iframe, a worker, a plug-in): each carries a session of its own, whose messages the page
 * passes on unread. What that session may reach, the kernel enforces.
 */
import type { KernelErrorCode } from '../errors.js';
import type {
  ChannelCloseMessage,
  ChannelMessage,
  ToClient,
  ToHost,
} from '../protocol/session-wire.js';
import { openChannel, type Channel } from './channel.js';

type Port = {
  realm: Channel;
  session: string;
  secret: string;
  /** Its number on the page's present channel; 0: there is none. */
  channel: number;
  /** What the realm said last while there was none: its hello. */
  held: unknown;
};

export type Ports = ReturnType<typeof makePorts>;

export function makePorts(post: (message: ToHost) => void) {
  const ports = new Set<Port>();
  let last = 0;

  const pass = ({ channel }: Port, message: unknown): void =>
    post({ type: 'channel', channel, message });

  const open = (port: Port): void => {
    const { session, secret, held } = port;
    port.channel = last += 1;
    port.held = undefined;
    post({ type: 'channel-open', channel: last, session, secret });
    if (held !== undefined) pass(port, held);
  };

  const say = ({ realm }: Port, code: KernelErrorCode, resumable: boolean): void => {
    const message = `[KERNEL:${code}] The page has lost its kernel`;
    realm.post({ type: 'closed', error: { code, message }, resumable } satisfies ToClient);
  };

  const end = (port: Port): void => {
    ports.delete(port);
    port.realm.close(true);
  };

  return {
    /** @returns the end for the other realm. */
    make(session: string, secret: string): MessagePort {
      const { port1, port2 } = new MessageChannel();
      const realm = openChannel(port1, {
        onMessage(message) {
          if (port.channel) pass(port, message);
          else port.held = message;
        },
        onLost() {
          ports.delete(port);
          if (port.channel) post({ type: 'channel-close', channel: port.channel });
        },
      });
      const port: Port = { realm, session, secret, channel: 0, held: undefined };
      ports.add(port);
      open(port);
      return port2;
    },
    deliver(message: ChannelMessage | ChannelCloseMessage): void {
      for (const port of ports) {
        if (port.channel !== message.channel) continue;
        if (message.type === 'channel') port.realm.post(message.message);
        else end(port);
      }
    },
    /** The page's channel is lost. The realm will say hello again, and that waits until there is another. */
    suspend(): void {
      for (const port of ports) {
        if (port.channel) say(port, 'KERNEL_STOPPED', true);
        port.channel = 0;
      }
    },
    resume: (): void => ports.forEach(open),
    close(): void {
      for (const port of ports) {
        say(port, 'SESSION_CLOSED', false);
        end(port);
      }
    },
  };
}
