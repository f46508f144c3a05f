import { useCallback, useEffect, useState, type FormEvent, type ReactNode } from 'react';
import type { PeerStatus } from '@vatkit/sdk/kernel';
import { useRead, useShared } from '../admin.js';
import { Badge, Button, ConfirmButton, Kref, Note, Section, Table } from '../parts.js';

/** Milliseconds between two looks at peers that are being connected to. */
const TRYING_MS = 500;

/** This kernel's identity, its connections to others, and ocap URLs. */
export default function PeersPanel(): ReactNode {
  const { admin, act } = useShared();
  const read = useCallback(async () => (await admin.getStatus()).remoteComms, [admin]);
  const { data, error, refresh } = useRead(read);
  // Attempts to connect are no doing of the kernel's.
  const isTrying = data?.peers?.some(({ state }) => state === 'connecting' || state === 'waiting');
  useEffect(() => {
    if (!isTrying) return undefined;
    const timer = setTimeout(refresh, TRYING_MS);
    return () => clearTimeout(timer);
  }, [data, isTrying, refresh]);
  const [relays, setRelays] = useState('');
  const [peer, setPeer] = useState('');
  const start = (event: FormEvent): void => {
    event.preventDefault();
    const addresses = relays.split(/\s+/).filter((relay) => relay !== '');
    void act('start remote comms', () => admin.initRemoteComms({ relays: addresses }));
  };
  return (
    <>
      {error !== undefined && <Note kind="error">{error}</Note>}
      <Section title="This kernel" actions={data && <Badge of={data.state} />}>
        {data?.peerId === undefined ? (
          <div className="vkd-actions">
            <span className="vkd-dim">It has no identity yet.</span>
            <Button onPress={() => act('make an identity', () => admin.initIdentity())}>
              Make one
            </Button>
          </div>
        ) : (
          <p>
            Peer id <Kref of={data.peerId} />
          </p>
        )}
        <form className="vkd-form" aria-label="Start remote comms" onSubmit={start}>
          <label className="vkd-wide">
            Addresses of relays
            <input
              value={relays}
              spellCheck={false}
              placeholder="/dns4/relay.example/tcp/443/wss/p2p/…"
              onChange={(event) => setRelays(event.target.value)}
            />
          </label>
          <button type="submit" className="vkd-button" disabled={data?.isInitialized}>
            {data?.isInitialized ? 'Connected' : 'Connect'}
          </button>
        </form>
      </Section>
      <Peers peers={data?.peers ?? []} />
      <Section title="Another peer">
        <div className="vkd-form">
          <label className="vkd-wide">
            Peer id
            <input
              value={peer}
              spellCheck={false}
              onChange={(event) => setPeer(event.target.value.trim())}
            />
          </label>
          <Button
            disabled={peer === ''}
            onPress={() => act(`reconnect ${peer}`, () => admin.reconnectPeer(peer))}
          >
            Reconnect
          </Button>
          <ConfirmButton
            disabled={peer === ''}
            onPress={() => act(`close ${peer}`, () => admin.closeConnection(peer))}
          >
            Close
          </ConfirmButton>
        </div>
      </Section>
      <Urls />
    </>
  );
}

function Peers({ peers }: { peers: readonly PeerStatus[] }): ReactNode {
  const { admin, act } = useShared();
  return (
    <Section title={`Peers: ${peers.length}`}>
      {peers.length === 0 ? (
        <Note>
          No peer is known. One is when a URL of its is redeemed, or when it asks for something
          here.
        </Note>
      ) : (
        <Table label="Peers" heads={['Peer', 'State', 'Why', 'Attempts', 'Actions']}>
          {peers.map(({ peerId, state, reason, attempts }) => (
            <tr key={peerId}>
              <td>
                <Kref of={peerId} />
              </td>
              <td>
                <Badge of={state} />
              </td>
              <td className="vkd-text">{reason}</td>
              <td>{attempts}</td>
              <td>
                <div className="vkd-actions">
                  <Button
                    label={`Reconnect ${peerId}`}
                    disabled={state === 'connected'}
                    onPress={() => act(`reconnect ${peerId}`, () => admin.reconnectPeer(peerId))}
                  >
                    Reconnect
                  </Button>
                  <ConfirmButton
                    label={`Close ${peerId}`}
                    disabled={state === 'idle' || state === 'closed'}
                    onPress={() => act(`close ${peerId}`, () => admin.closeConnection(peerId))}
                  >
                    Close
                  </ConfirmButton>
                </div>
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Section>
  );
}

function Urls(): ReactNode {
  const { admin, act } = useShared();
  const [kref, setKref] = useState('');
  const [url, setUrl] = useState('');
  const [issued, setIssued] = useState<string>();
  return (
    <Section title="Ocap URLs">
      <div className="vkd-form">
        <label>
          Object
          <input
            size={8}
            value={kref}
            placeholder="ko4"
            onChange={(event) => setKref(event.target.value.trim())}
          />
        </label>
        <Button
          disabled={kref === ''}
          onPress={() =>
            act(`issue a URL for ${kref}`, async () => {
              setIssued(await admin.issueOcapURL(kref));
              return 'shown below; who has it has the object';
            })
          }
        >
          Issue
        </Button>
      </div>
      {issued !== undefined && (
        <pre className="vkd-pre" aria-label="Issued URL">
          {issued}
        </pre>
      )}
      <div className="vkd-form">
        <label className="vkd-wide">
          URL
          <input
            value={url}
            spellCheck={false}
            placeholder="ocap:…"
            onChange={(event) => setUrl(event.target.value.trim())}
          />
        </label>
        <Button
          disabled={url === ''}
          onPress={() =>
            act(
              'redeem a URL',
              async () => `it stands for ${await admin.redeemOcapURL(url)}, held by a1`,
            )
          }
        >
          Redeem
        </Button>
        <ConfirmButton
          disabled={url === ''}
          label="Take back the URL"
          onPress={() =>
            act('take a URL back', async () =>
              (await admin.revokeOcapURL(url)) ? 'nobody can redeem it now' : 'there was none',
            )
          }
        >
          Take back
        </ConfirmButton>
      </div>
    </Section>
  );
}
