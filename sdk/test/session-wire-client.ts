/** A client that says on a port exactly what a test tells it to, whatever the protocol has to say to that. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Kernel } from '@vatkit/sdk/kernel';
import { expect, vi } from 'vitest';
import type { CapData } from '../src/protocol/capdata.js';
import type {
  ClientOp,
  HostFrameMessage,
  HostOp,
  HostResolution,
  ToClient,
  ToHost,
  WelcomeMessage,
} from '../src/protocol/session-wire.js';
import { insistToClient } from '../src/protocol/session-wire-check.js';
import { patience } from './harness.js';

export type WireClient = ReturnType<typeof makeWireClient>;

/** References in order, as `$0`, `&0`; everything else as JSON. */
export const data = (value: unknown, ...slots: string[]): CapData => ({
  body: `#${JSON.stringify(value)}`,
  slots,
});

export const call = (
  target: string,
  method: string,
  result?: string,
  args = data([]),
): ClientOp => ({
  op: 'call',
  target,
  methargs: {
    body: `#${JSON.stringify([method, JSON.parse(args.body.slice(1))])}`,
    slots: args.slots,
  },
  ...(result !== undefined && { result }),
});

/** Connects to a kernel of this process. */
export function connect(kernel: Kernel): WireClient {
  const { port1, port2 } = new MessageChannel();
  kernel.serveClient(port1);
  return makeWireClient(port2);
}

export function makeWireClient(port: Pick<MessagePort, 'postMessage' | 'on' | 'close'>) {
  const messages: ToClient[] = [];
  let isClosed = false;
  let seq = 0;
  let names = 0;
  let lastFrame = 0;
  port.on('message', (message: unknown) => {
    // Whatever a test does to the host, the host keeps to the protocol.
    insistToClient(message);
    messages.push(message);
    if (message.type === 'frame') lastFrame = message.seq;
  });
  port.on('close', () => (isClosed = true));

  const until = <T>(find: () => T | undefined): Promise<T> =>
    vi.waitFor(() => {
      const found = find();
      expect(found, `of ${JSON.stringify(messages).slice(0, 2_000)}`).toBeDefined();
      return found as T;
    }, patience);

  const client = {
    port,
    messages,
    until,
    isClosed: (): boolean => isClosed,
    post: (message: unknown): void => port.postMessage(message),
    say: (message: ToHost): void => port.postMessage(message),
    /** Of the host's frames. */
    lastFrame: (): number => lastFrame,
    seq: (): number => seq,

    of: <Type extends ToClient['type']>(type: Type): (ToClient & { type: Type })[] =>
      messages.filter((message): message is ToClient & { type: Type } => message.type === type),

    first: <Type extends ToClient['type']>(type: Type): Promise<ToClient & { type: Type }> =>
      until(() => client.of(type)[0]),

    hello(resume?: { session: string; secret: string; received: number }): Promise<WelcomeMessage> {
      client.say({ type: 'hello', protocol: { min: 1, max: 1 }, ...(resume && { resume }) });
      return client.first('welcome');
    },

    /** A new name of this client's: 'o+1', 'p+2'. */
    name: (kind: 'o' | 'p'): string => `${kind}+${(names += 1)}`,

    /** Sends a frame; acknowledges what has come. */
    send(...ops: ClientOp[]): number {
      seq += 1;
      client.say({ type: 'frame', seq, ack: lastFrame, ops });
      return seq;
    },

    ops: (): HostOp[] => client.of('frame').flatMap(({ ops }: HostFrameMessage) => ops),

    settled: (promise: string): Promise<HostResolution> =>
      until(() =>
        client
          .ops()
          .flatMap((op) => (op.op === 'settle' ? op.resolutions : []))
          .find((resolution) => resolution.promise === promise),
      ),

    /** Calls a method and waits for the settlement of its result. */
    async call(target: string, method: string, args?: CapData): Promise<HostResolution> {
      const result = client.name('p');
      client.send(call(target, method, result, args));
      return client.settled(result);
    },

    /** Asks the admin object, and returns the record's value as CapData's text says it. */
    async admin(welcome: WelcomeMessage, method: string, args = data([])): Promise<HostResolution> {
      const settled = await client.call(welcome.admin as string, method, args);
      expect(settled.rejected, settled.value.body).toBe(false);
      return settled;
    },

    /** Launches what `spec` bundles under a name, and returns its root's name. */
    async launch(welcome: WelcomeMessage, bundleSpec: string, name = 'app'): Promise<string> {
      const config = { bootstrap: 'main', vats: { main: { bundleSpec } } };
      const { value } = await client.admin(welcome, 'launch', data([{ name, config }]));
      expect(value.body).toContain('"ok":true');
      return value.slots[0] as string;
    },
  };
  return client;
}
