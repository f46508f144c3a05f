import { useEffect, useState, type ReactNode } from 'react';
import { useKernelStatus, useSubcluster, useVatCall, useVatLive } from '@vatkit/react';
import { lists, ListsRoot } from '../vats/lists.vat.gen.js';
import { BackupDialog } from './backup-dialog.js';
import { JoinDialog } from './join-dialog.js';
import { goOnline } from './kernel.js';
import { JoinedListPage, OwnListPage } from './list-pages.js';
import { goTo, parseRoute, useHash } from './route.js';
import { Sidebar } from './sidebar.js';
import { StartScreen } from './start-screen.js';
import { StatusBar } from './status-bar.js';
import { Welcome } from './welcome.js';

/** `off`: there is no relay to go to. */
export type Network = 'connecting' | 'connected' | 'off' | 'failed';

function useNetwork(isReady: boolean): Network {
  const [network, setNetwork] = useState<Network>('connecting');
  useEffect(() => {
    if (!isReady) return;
    goOnline().then(
      (isThere) => setNetwork(isThere ? 'connected' : 'off'),
      () => setNetwork('failed'),
    );
  }, [isReady]);
  return network;
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
