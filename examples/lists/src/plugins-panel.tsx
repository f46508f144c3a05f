import { useEffect, useState, type FormEvent, type ReactNode } from 'react';
import { useKernel } from '@vatkit/react';
import { call, iterate, type KernelClient } from '@vatkit/sdk';
import type { ListOwner, ShareInfo } from '../vats/lists.vat.gen.js';
import { textOf, useAnnouncer } from './announcer.js';
import { Icon } from './icons.js';
import { definitionOf, gallery, type Plugin } from './plugins.js';

/** Launches a stranger's vat, and gives it a share of this list: all that it has in the world. */
async function run(kernel: KernelClient, list: ListOwner, plugin: Plugin): Promise<void> {
  const subcluster = `plugin ${crypto.randomUUID()}`;
  const { root } = await kernel.launch(definitionOf(subcluster, plugin.bundleSpec));
  const grant =
    plugin.wants === 'annotate'
      ? await list.grantToAnnotate(plugin.name, subcluster)
      : await list.grantToRead(plugin.name, subcluster);
  await call(root, 'start', grant);
}

export function PluginsPanel({
  list,
  plugins,
  onClose,
}: {
  list: ListOwner;
  plugins: ShareInfo[];
  onClose: () => void;
}): ReactNode {
  const kernel = useKernel();
  const { attempt, say } = useAnnouncer();
  const [busy, setBusy] = useState('');
  const add = async (plugin: Plugin): Promise<void> => {
    setBusy(plugin.name);
    if (await attempt(() => run(kernel, list, plugin))) say(`${plugin.name} runs`);
    setBusy('');
  };
  const remove = ({ id, plugin, to }: ShareInfo): Promise<boolean> =>
    attempt(async () => {
      await list.revoke(id);
      await kernel.terminate(plugin);
      say(`${to} is gone, and what it was granted`);
    });
  const others = gallery.filter(({ name }) => !plugins.some(({ to }) => to === name));
  return (
    <aside className="aside" aria-label="Plug-ins">
      <header className="dialog-head">
        <h2>Plug-ins</h2>
        <button className="icon-button" aria-label="Close the plug-ins" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <p className="quiet">
        Strangers’ code, each in a vat of its own. It has this list, as far as you grant it, and
        nothing else: no network, no page, no other list.
      </p>
      {plugins.map((share) => (
        <Running key={share.id} share={share} onRemove={() => void remove(share)} />
      ))}
      {others.length > 0 && <h3 className="overline">Gallery</h3>}
      {others.map((plugin) => (
        <article key={plugin.name} className="card card-offer">
          <h4>{plugin.name}</h4>
          <p>{plugin.about}</p>
          <Power mode={plugin.wants} />
          <button
            className="button button-plain"
            disabled={busy !== ''}
            aria-label={`Grant and run ${plugin.name}`}
            onClick={() => void add(plugin)}
          >
            {busy === plugin.name ? 'Starting …' : 'Grant and run'}
          </button>
        </article>
      ))}
      <OwnPlugin onAdd={(plugin) => void add(plugin)} isBusy={busy !== ''} />
    </aside>
  );
}

function Power({ mode }: { mode: string }): ReactNode {
  return (
    <p className="power">
      <Icon name={mode === 'annotate' ? 'pencil' : 'eye'} />
      {mode === 'annotate' ? 'Reads this list, writes notes' : 'Reads this list'}
    </p>
  );
}

type Card = { headline: string; lines: string[] };

const linesMax = 12;
const lineMax = 160;

/** A stranger may send anything: what is no card shows as one that says so. */
function cardOf(value: unknown): Card {
  const { headline, lines } = (value ?? {}) as { [key: string]: unknown };
  if (typeof headline !== 'string' || !Array.isArray(lines))
    return { headline: 'It shows nothing that can be read', lines: [] };
  const texts = lines.filter((line) => typeof line === 'string');
  return {
    headline: headline.slice(0, lineMax),
    lines: texts.slice(0, linesMax).map((line) => line.slice(0, lineMax)),
  };
}

/** The card of a plug-in that runs. Its interface is a stranger's, so that nothing of it is known beforehand. */
function useCard(subcluster: string): Card | undefined {
  const kernel = useKernel();
  const [card, setCard] = useState<Card>();
  useEffect(() => {
    const abort = new AbortController();
    const follow = async (): Promise<void> => {
      const { subclusters } = kernel.status;
      const found = subclusters.find(({ name }) => name === subcluster);
      if (found === undefined) return setCard({ headline: 'It does not run any more', lines: [] });
      const [vat] = Object.values(found.vats);
      const root = await kernel.ref(await kernel.admin.getRootObject(vat ?? ''));
      for await (const value of iterate(call(root, 'card'), { signal: abort.signal }))
        setCard(cardOf(value));
    };
    follow().catch((error: unknown) => {
      if (!abort.signal.aborted) setCard({ headline: 'It failed', lines: [textOf(error)] });
    });
    return () => abort.abort();
  }, [kernel, subcluster]);
  return card;
}

function Running({ share, onRemove }: { share: ShareInfo; onRemove: () => void }): ReactNode {
  const card = useCard(share.plugin);
  return (
    <article className="card">
      <header className="card-head">
        <h4>{share.to}</h4>
        <button className="text-button danger" aria-label={`Remove ${share.to}`} onClick={onRemove}>
          Remove
        </button>
      </header>
      <div aria-live="polite">
        <p className="headline">{card?.headline ?? 'Working …'}</p>
        <ul className="lines">
          {card?.lines.map((line, at) => (
            <li key={at}>{line}</li>
          ))}
        </ul>
      </div>
      <Power mode={share.mode} />
    </article>
  );
}

function OwnPlugin({
  onAdd,
  isBusy,
}: {
  onAdd: (plugin: Plugin) => void;
  isBusy: boolean;
}): ReactNode {
  const [address, setAddress] = useState('');
  const [wants, setWants] = useState<Plugin['wants']>('read');
  const add = (event: FormEvent): void => {
    event.preventDefault();
    const name =
      address
        .split('/')
        .at(-1)
        ?.replace(/\.(?:vat\.)?bundle$/, '') ?? '';
    onAdd({ name: name.slice(0, 40) || 'Plug-in', about: '', wants, bundleSpec: address });
    setAddress('');
  };
  return (
    <details className="own-plugin">
      <summary>Run one from elsewhere</summary>
      <form className="stack" onSubmit={add}>
        <label className="field">
          <span>Address of its bundle</span>
          <input
            type="url"
            value={address}
            onChange={(event) => setAddress(event.target.value)}
            required
            placeholder="https://…/plugin.vat.bundle"
          />
        </label>
        <label className="check">
          <input
            type="checkbox"
            checked={wants === 'annotate'}
            onChange={(event) => setWants(event.target.checked ? 'annotate' : 'read')}
          />
          It may write notes
        </label>
        <button className="button button-plain" disabled={isBusy}>
          Grant and run
        </button>
      </form>
    </details>
  );
}
