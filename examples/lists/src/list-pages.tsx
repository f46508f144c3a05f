import { useState, type ReactNode } from 'react';
import { useVatCall, useVatLive } from '@vatkit/react';
import { JoinedGuest, ListOwner, ListsRoot } from '../vats/lists.vat.gen.js';
import { textOf, useAnnouncer } from './announcer.js';
import type { Network } from './kernel.js';
import { Icon } from './icons.js';
import { Items } from './items.js';
import { PluginsPanel } from './plugins-panel.js';
import { goTo } from './route.js';
import { ShareDialog } from './share-dialog.js';

function Loading(): ReactNode {
  return (
    <div className="page" aria-busy="true">
      <div className="skeleton skeleton-title" />
      <div className="skeleton" />
      <div className="skeleton" />
      <div className="skeleton" />
    </div>
  );
}

function Failed({ error }: { error: Error }): ReactNode {
  return (
    <div className="page">
      <p className="problem" role="alert">
        {textOf(error)}
      </p>
    </div>
  );
}

const back = (
  <a className="icon-button back" href="#" aria-label="All lists">
    <Icon name="back" />
  </a>
);

/** A list of one's own: everything can be done with it. */
export function OwnListPage({
  root,
  id,
  network,
}: {
  root: ListsRoot;
  id: string;
  network: Network;
}): ReactNode {
  const { attempt, say } = useAnnouncer();
  const { data: list, error } = useVatCall(ListsRoot.own, { on: root, args: [id] });
  const view = useVatLive(ListOwner.watch, { on: list });
  const shares = useVatCall(ListOwner.shares, { on: list });
  const [isSharing, setIsSharing] = useState(false);
  const [hasPlugins, setHasPlugins] = useState(false);
  const failure = error ?? view.error;
  if (failure !== null) return <Failed error={failure} />;
  if (list === undefined || view.data === undefined) return <Loading />;

  const { title, items } = view.data;
  const people = (shares.data ?? []).filter(({ plugin }) => plugin === '');
  const plugins = (shares.data ?? []).filter(({ plugin }) => plugin !== '');
  const forget = (): void => {
    if (!confirm(`Delete “${title}” and take all its shares back?`)) return;
    void attempt(async () => {
      await root.forget(id);
      goTo({ at: 'home' });
      say(`“${title}” is deleted`);
    });
  };
  return (
    <div className="with-aside">
      <article className="page">
        <header className="page-head">
          {back}
          <Title title={title} onRename={(next) => attempt(() => list.rename(next))} />
          <div className="page-tools">
            <button className="button" onClick={() => setIsSharing(true)}>
              <Icon name="share" /> Share
            </button>
            <button
              className="button button-plain"
              aria-expanded={hasPlugins}
              onClick={() => setHasPlugins(!hasPlugins)}
            >
              <Icon name="plug" /> Plug-ins
              {plugins.length > 0 && <span className="badge">{plugins.length}</span>}
            </button>
            <button className="icon-button" aria-label="Delete the list" onClick={forget}>
              <Icon name="trash" />
            </button>
          </div>
        </header>
        {people.length > 0 && (
          <ul className="people" aria-label="Shared with">
            {people.map(({ id: share, to, mode }) => (
              <li key={share}>
                <span className="avatar" aria-hidden="true">
                  {to.slice(0, 1).toUpperCase()}
                </span>
                {to} {mode === 'read' ? 'may look' : 'may change it'}
              </li>
            ))}
          </ul>
        )}
        <Items
          items={items}
          actions={{
            add: (text) => attempt(() => list.add(text)),
            edit: (item, text) => attempt(() => list.edit(item, text)),
            check: (item, done) => attempt(() => list.check(item, done)),
            remove: (item) => attempt(() => list.remove(item)),
            clearDone: () => attempt(() => list.clearDone()),
          }}
        />
      </article>
      {hasPlugins && (
        <PluginsPanel list={list} plugins={plugins} onClose={() => setHasPlugins(false)} />
      )}
      {isSharing && (
        <ShareDialog
          list={list}
          title={title}
          people={people}
          network={network}
          onClose={() => setIsSharing(false)}
        />
      )}
    </div>
  );
}

/** Somebody else's list: what can be done with it is for them to say. */
export function JoinedListPage({ root, id }: { root: ListsRoot; id: string }): ReactNode {
  const { attempt } = useAnnouncer();
  const { data: list, error } = useVatCall(ListsRoot.joined, { on: root, args: [id] });
  const view = useVatLive(JoinedGuest.watch, { on: list });
  const failure = error ?? view.error;
  if (failure !== null) return <Failed error={failure} />;
  if (list === undefined || view.data === undefined) return <Loading />;

  const { title, items, from, mode, connection, reason, waiting } = view.data;
  const forget = (): void => {
    void attempt(async () => {
      await root.forget(id);
      goTo({ at: 'home' });
    });
  };
  return (
    <article className="page">
      <header className="page-head">
        {back}
        <h1>{title}</h1>
        <div className="page-tools">
          <button className="button button-plain" onClick={forget}>
            Leave
          </button>
        </div>
      </header>
      <p className="from">
        <span className="avatar" aria-hidden="true">
          {from.slice(0, 1).toUpperCase()}
        </span>
        {from}’s list
        {connection !== 'revoked' &&
          ` · ${mode === 'edit' ? 'you can change it' : 'you can look at it'}`}
        {connection === 'live' && <span className="live">live</span>}
      </p>
      {connection === 'revoked' && (
        <p className="banner" role="status">
          {from} took this list back. Below is what you saw last.
        </p>
      )}
      {connection === 'connecting' && (
        <p className="banner" role="status">
          Waiting for {from}’s device. Below is what you saw last.
        </p>
      )}
      {connection === 'lost' && (
        <p className="banner" role="status">
          {from} cannot be reached; it is tried again by itself. Below is what you saw last.{' '}
          <small>{textOf(reason)}</small>
          <button className="text-button" onClick={() => void attempt(() => list.reconnect())}>
            Try now
          </button>
        </p>
      )}
      {waiting > 0 && connection !== 'live' && (
        <p className="banner" role="status">
          {waiting === 1 ? '1 change waits' : `${waiting} changes wait`} to be sent.
        </p>
      )}
      <Items
        items={items}
        actions={
          mode === 'edit' && connection !== 'revoked'
            ? {
                add: (text) => attempt(() => list.add(text)),
                edit: (item, text) => attempt(() => list.edit(item, text)),
                check: (item, done) => attempt(() => list.check(item, done)),
                remove: (item) => attempt(() => list.remove(item)),
              }
            : undefined
        }
      />
    </article>
  );
}

function Title({
  title,
  onRename,
}: {
  title: string;
  onRename: (title: string) => Promise<boolean>;
}): ReactNode {
  const [draft, setDraft] = useState<string>();
  if (draft === undefined)
    return (
      <h1>
        <button className="title-button" title="Rename" onClick={() => setDraft(title)}>
          {title}
        </button>
      </h1>
    );
  const rename = (): void => {
    setDraft(undefined);
    if (draft.trim() !== '' && draft !== title) void onRename(draft);
  };
  return (
    <form
      className="title-form"
      onSubmit={(event) => {
        event.preventDefault();
        rename();
      }}
    >
      <input
        className="title-input"
        aria-label="Title of the list"
        value={draft}
        autoFocus
        maxLength={60}
        onChange={(event) => setDraft(event.target.value)}
        onBlur={rename}
        onKeyDown={(event) => event.key === 'Escape' && setDraft(undefined)}
      />
    </form>
  );
}
