import { useState, type FormEvent, type ReactNode } from 'react';
import { renderSVG } from 'uqr';
import { useKernel } from '@vatkit/react';
import type { ListOwner, ShareInfo } from '../vats/lists.vat.gen.js';
import { useAnnouncer } from './announcer.js';
import type { Network } from './kernel.js';
import { Dialog } from './dialog.js';
import { Icon } from './icons.js';
import { inviteOf } from './route.js';

type PersonMode = 'read' | 'edit';

/** Who has a share of a list; and one more. */
export function ShareDialog({
  list,
  title,
  people,
  network,
  onClose,
}: {
  list: ListOwner;
  title: string;
  people: ShareInfo[];
  network: Network;
  onClose: () => void;
}): ReactNode {
  const kernel = useKernel();
  const { attempt, say } = useAnnouncer();
  const [to, setTo] = useState('');
  const [mode, setMode] = useState<PersonMode>('edit');
  const [isBusy, setIsBusy] = useState(false);
  const [shownId, setShownId] = useState<string>();
  const shown = people.find(({ id }) => id === shownId);

  const share = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setIsBusy(true);
    await attempt(async () => {
      const ref = await (mode === 'edit' ? list.shareToEdit(to) : list.shareToRead(to));
      const id = (await list.shares()).at(-1)?.id ?? '';
      await list.keepLink(id, await kernel.issue(ref));
      setShownId(id);
      setTo('');
    });
    setIsBusy(false);
  };
  const revoke = ({ id, to: name }: ShareInfo): Promise<boolean> =>
    attempt(async () => {
      await list.revoke(id);
      say(`${name} can no longer see “${title}”`);
    });

  return (
    <Dialog title={`Share “${title}”`} onClose={onClose}>
      <form className="share-form" onSubmit={(event) => void share(event)}>
        <label className="field">
          <span>With whom?</span>
          <input
            value={to}
            onChange={(event) => setTo(event.target.value)}
            autoFocus
            required
            maxLength={60}
            autoComplete="off"
            placeholder="A name, for you to remember"
          />
        </label>
        <fieldset className="segments">
          <legend className="hidden">What may they do?</legend>
          {(['edit', 'read'] as const).map((each) => (
            <label key={each}>
              <input
                type="radio"
                name="mode"
                checked={mode === each}
                onChange={() => setMode(each)}
              />
              <Icon name={each === 'edit' ? 'pencil' : 'eye'} />
              {each === 'edit' ? 'May change it' : 'May look'}
            </label>
          ))}
        </fieldset>
        <button className="button" disabled={isBusy}>
          Make a link
        </button>
      </form>
      {network === 'off' && (
        <p className="quiet">
          This copy of Tandem has no relay, so that links work in this browser only.
        </p>
      )}
      {shown !== undefined && shown.link !== '' && <Invitation share={shown} />}
      {people.length > 0 && (
        <section>
          <h3 className="overline">Who has it</h3>
          <ul className="shares">
            {people.map((each) => (
              <li key={each.id}>
                <span className="avatar" aria-hidden="true">
                  {each.to.slice(0, 1).toUpperCase()}
                </span>
                <span className="share-name">
                  {each.to}
                  <span className="quiet">
                    {each.mode === 'edit' ? 'May change it' : 'May look'}
                    {each.opened ? '' : ' · not opened yet'}
                  </span>
                </span>
                {each.link !== '' && (
                  <button
                    className="text-button"
                    aria-expanded={shownId === each.id}
                    onClick={() => setShownId(shownId === each.id ? undefined : each.id)}
                  >
                    Link
                  </button>
                )}
                <button
                  className="text-button danger"
                  aria-label={`Take back from ${each.to}`}
                  onClick={() => void revoke(each)}
                >
                  Take back
                </button>
              </li>
            ))}
          </ul>
        </section>
      )}
    </Dialog>
  );
}

function Invitation({ share: { to, link } }: { share: ShareInfo }): ReactNode {
  const { attempt, say } = useAnnouncer();
  const invite = inviteOf(link);
  const copy = (): Promise<boolean> =>
    attempt(async () => {
      await navigator.clipboard.writeText(invite);
      say('The link is copied');
    });
  return (
    <section className="invitation" aria-label={`Link for ${to}`}>
      <div
        className="qr"
        role="img"
        aria-label="QR code of the link"
        // Made by us, of a text that is ours.
        dangerouslySetInnerHTML={{ __html: renderSVG(invite, { border: 2 }) }}
      />
      <div className="invitation-text">
        <p>
          <strong>For {to} alone.</strong> Who has the link has the list, until you take it back.
        </p>
        <input
          readOnly
          aria-label={`Link for ${to}`}
          value={invite}
          onFocus={(event) => event.target.select()}
        />
        <button className="button button-plain" onClick={() => void copy()}>
          <Icon name="copy" /> Copy the link
        </button>
      </div>
    </section>
  );
}
