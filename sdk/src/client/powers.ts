/**
 * What an app asks of its kernel beside launches and calls: krefs and their refs, ocap URLs, peers, ports for other
 * realms, the store. Loaded when the first of these is used.
 */
import { describe } from '../protocol/describe.js';
import type { PeerStatus } from '../protocol/peer-status.js';
import { REPEATS_MAX, type Ask } from './ask.js';
import type { Connection } from './connection.js';
import { makePorts } from './ports.js';
import type { Tabs } from './tabs/tabs.js';

export type PowersOptions = { ask: Ask; connection: Connection; tabs: () => Promise<Tabs> };

export type Powers = ReturnType<typeof makePowers>;

export function makePowers({ ask, connection, tabs }: PowersOptions) {
  const askKernel = (method: string, ...args: unknown[]): Promise<unknown> =>
    ask('kernel', [method, args]);
  const ref = (kref: string): Promise<unknown> => ask('ref', [kref], { repeats: REPEATS_MAX });
  const krefOf = async (held: object): Promise<string> =>
    (await ask('krefOf', [held], { repeats: REPEATS_MAX })) as string;

  return {
    askKernel,
    ref,
    krefOf,
    terminate: async (name: string) => (await ask('terminate', [name])) as boolean,
    issue: async (held: object) => (await askKernel('issueOcapURL', await krefOf(held))) as string,
    async redeem(_as: unknown, url: string) {
      const kref = (await askKernel('redeemOcapURL', url)) as string;
      try {
        return await ref(kref);
      } finally {
        // The ref holds the object from now on.
        void askKernel('release', kref).catch(() => undefined);
      }
    },
    peerStatus: async (peerId: string) => (await askKernel('getPeerStatus', peerId)) as PeerStatus,
    reconnectPeer: async (peerId: string, hints: readonly string[] = []) =>
      void (await askKernel('reconnectPeer', peerId, hints)),
    closePeer: async (peerId: string) => void (await askKernel('closeConnection', peerId)),
    async connect(refs: readonly unknown[]) {
      // First: the ticket is for the channel that there is when it comes.
      const ports = connection.ports(makePorts);
      const ticket = (await ask('connect', [refs as unknown[]])) as {
        session: string;
        secret: string;
      };
      return ports.make(ticket.session, ticket.secret);
    },
    async exportStore() {
      await connection.ready();
      return (await (await tabs()).askStore()) as Blob;
    },
    async importStore(file: Blob) {
      if (!(file instanceof Blob))
        throw new TypeError(`importStore takes a Blob or a File; found ${describe(file)}`);
      await connection.ready();
      await (await tabs()).askStore(file);
    },
  };
}
