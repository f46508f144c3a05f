import { useState, type FormEvent, type ReactNode } from 'react';
import type { ListSummary, ListsRoot } from '../vats/lists.vat.gen.js';
import { useAnnouncer } from './announcer.js';
import { Icon } from './icons.js';

export function Sidebar({
  root,
  name,
  overview,
  selected,
  onJoin,
  onBackup,
}: {
  root: ListsRoot;
  name: string;
  overview: ListSummary[];
  selected: string | undefined;
  onJoin: () => void;
  onBackup: () => void;
}): ReactNode {
  const own = overview.filter(({ mode }) => mode === 'own');
  const joined = overview.filter(({ mode }) => mode !== 'own');
  return (
    <nav className="sidebar" aria-label="Lists">
      <header className="brand">
        <img src="./icon.svg" alt="" width="32" height="32" />
        <strong>Tandem</strong>
        <span className="brand-name">{name}</span>
      </header>
      <div className="sidebar-lists">
        <Group title="Your lists" lists={own} selected={selected} />
        {joined.length > 0 && <Group title="Shared with you" lists={joined} selected={selected} />}
      </div>
      <NewList root={root} />
      <div className="sidebar-foot">
        <button className="text-button" onClick={onJoin}>
          <Icon name="link" /> Join a list
        </button>
        <button className="text-button" onClick={onBackup}>
          <Icon name="key" /> Backup
        </button>
      </div>
    </nav>
  );
}

function Group({
  title,
  lists,
  selected,
}: {
  title: string;
  lists: ListSummary[];
  selected: string | undefined;
}): ReactNode {
  return (
    <section>
      <h2 className="overline">{title}</h2>
      {lists.length === 0 && <p className="quiet">None yet.</p>}
      <ul className="overview">
        {lists.map((list) => (
          <li key={list.id}>
            <a href={`#${list.id}`} aria-current={list.id === selected ? 'page' : undefined}>
              <span className="overview-title">{list.title}</span>
              <span className="overview-sub">{describe(list)}</span>
              <span className="count" aria-label={`${list.open} open`}>
                {list.open}
              </span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

function describe({ mode, from, people, connection, total }: ListSummary): string {
  if (connection === 'revoked') return `${from} took it back`;
  if (connection === 'lost') return `${from} · out of reach`;
  if (connection === 'connecting') return `Waiting for ${from} …`;
  if (mode !== 'own') return `${from} · ${mode === 'edit' ? 'you can change it' : 'to look at'}`;
  if (people > 0) return people === 1 ? 'Shared with 1 person' : `Shared with ${people} people`;
  return total === 0 ? 'Empty' : 'Only you';
}

function NewList({ root }: { root: ListsRoot }): ReactNode {
  const { attempt } = useAnnouncer();
  const [title, setTitle] = useState('');
  const create = (event: FormEvent): void => {
    event.preventDefault();
    void attempt(async () => {
      const id = await root.create(title).id();
      setTitle('');
      location.hash = id;
    });
  };
  return (
    <form className="new-list" onSubmit={create}>
      <input
        value={title}
        onChange={(event) => setTitle(event.target.value)}
        aria-label="Name of a new list"
        placeholder="New list"
        maxLength={60}
        required
      />
      <button className="icon-button filled" aria-label="Create the list">
        <Icon name="plus" />
      </button>
    </form>
  );
}
