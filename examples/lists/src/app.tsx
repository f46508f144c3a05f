import { useEffect, useState, type ReactNode } from 'react';
import { useKernelStatus, useSubcluster, useVatCall, useVatLive } from '@vatkit/react';
import { lists, ListsRoot, type ListSummary } from '../vats/lists.vat.gen.js';
import { BackupDialog } from './backup-dialog.js';
import { JoinDialog } from './join-dialog.js';
import { goOnline, type Network } from './kernel.js';
import { JoinedListPage, OwnListPage } from './list-pages.js';
import { goTo, parseRoute, useHash } from './route.js';
import { Sidebar } from './sidebar.js';
import { StartScreen } from './start-screen.js';
import { StatusBar } from './status-bar.js';
import { Welcome } from './welcome.js';

const askEveryMs = 2_000;
/** So long it takes at most to get a place at a relay that is there. */
const relayPatienceMs = 12_000;

/** How it stands with the relay. It is the kernel that tries again, without end. */
function useNetwork(isReady: boolean): Network {
  const [network, setNetwork] = useState<Network>('connecting');
  useEffect(() => {
    if (!isReady) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    let since = Date.now();
    const ask = async (): Promise<void> => {
      const found = await goOnline().catch((): Network => 'connecting');
      if (isOver) return;
      if (found === 'connected') since = Date.now();
      setNetwork(found === 'connecting' && Date.now() - since > relayPatienceMs ? 'failed' : found);
      if (found !== 'off') timer = setTimeout(() => void ask(), askEveryMs);
    };
    void ask();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [isReady]);
  return network;
}

const reconnectEveryMs = 5_000;

/** Lists whose owner was lost are asked for again, as long as this page is open. */
function useReconnect(root: ListsRoot, overview: ListSummary[]): void {
  const lost = overview
    .filter(({ connection }) => connection === 'lost')
    .map(({ id }) => id)
    .join(' ');
  useEffect(() => {
    if (lost === '') return;
    const reconnect = (): void => {
      for (const id of lost.split(' '))
        root
          .joined(id)
          .reconnect()
          // It was forgotten meanwhile, or the kernel is on its way to another tab.
          .catch(() => undefined);
    };
    const timer = setInterval(reconnect, reconnectEveryMs);
    addEventListener('online', reconnect);
    return () => {
      clearInterval(timer);
      removeEventListener('online', reconnect);
    };
  }, [root, lost]);
}

export function App(): ReactNode {
  const { data, error, relaunch } = useSubcluster(lists);
  const phase = useKernelStatus(({ phase }) => phase);
  const root = data?.root;
  const name = useVatCall(ListsRoot.name, { on: root });
  const network = useNetwork(name.data !== undefined && name.data !== 'Somebody');
  const failure = error ?? name.error;

  if (failure !== null || root === undefined || name.data === undefined)
    return <StartScreen phase={phase} error={failure} onRetry={relaunch} />;
  if (name.data === 'Somebody') return <Welcome root={root} onDone={() => void name.refetch()} />;
  return <Home root={root} name={name.data} network={network} />;
}

type Open = 'join' | 'backup' | undefined;

function Home({
  root,
  name,
  network,
}: {
  root: ListsRoot;
  name: string;
  network: Network;
}): ReactNode {
  const { data: overview = [] } = useVatLive(ListsRoot.watch, { on: root });
  useReconnect(root, overview);
  const [open, setOpen] = useState<Open>();
  const route = parseRoute(useHash());
  const selected = route.at === 'list' ? overview.find(({ id }) => id === route.id) : undefined;

  useEffect(() => {
    document.title = selected === undefined ? 'Tandem' : `${selected.title} – Tandem`;
  }, [selected]);

  const close = (): void => {
    setOpen(undefined);
    if (route.at === 'join') goTo({ at: 'home' });
  };
  return (
    <div className="frame" data-at={selected === undefined ? 'home' : 'list'}>
      <a className="skip" href="#main" onClick={(event) => focusMain(event)}>
        Skip to the list
      </a>
      <Sidebar
        root={root}
        name={name}
        overview={overview}
        selected={selected?.id}
        onJoin={() => setOpen('join')}
        onBackup={() => setOpen('backup')}
      />
      <main id="main" tabIndex={-1}>
        {selected === undefined ? (
          <Nothing hasLists={overview.length > 0} />
        ) : selected.mode === 'own' ? (
          <OwnListPage key={selected.id} root={root} id={selected.id} network={network} />
        ) : (
          <JoinedListPage key={selected.id} root={root} id={selected.id} />
        )}
      </main>
      <StatusBar network={network} />
      {(open === 'join' || route.at === 'join') && (
        <JoinDialog root={root} url={route.at === 'join' ? route.url : ''} onClose={close} />
      )}
      {open === 'backup' && <BackupDialog root={root} name={name} onClose={close} />}
    </div>
  );
}

function focusMain(event: { preventDefault: () => void }): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

function Nothing({ hasLists }: { hasLists: boolean }): ReactNode {
  return (
    <div className="nothing">
      <div className="nothing-art" aria-hidden="true">
        <span />
        <span />
        <span />
      </div>
      <h1>{hasLists ? 'Pick a list' : 'Your first list'}</h1>
      <p>
        {hasLists
          ? 'Choose one at the side, or begin another.'
          : 'Name a list at the side to begin. It stays on this device until you share it.'}
      </p>
    </div>
  );
}
