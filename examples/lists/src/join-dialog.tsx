import { useState, type FormEvent, type ReactNode } from 'react';
import { useKernel } from '@vatkit/react';
import { ShareReader, type ListsRoot } from '../vats/lists.vat.gen.js';
import { textOf, useAnnouncer } from './announcer.js';
import { Dialog } from './dialog.js';
import { goTo, urlOfInvite } from './route.js';

/** Takes a share from a link. */
export function JoinDialog({
  root,
  url,
  onClose,
}: {
  root: ListsRoot;
  url: string;
  onClose: () => void;
}): ReactNode {
  const kernel = useKernel();
  const { say } = useAnnouncer();
  const [text, setText] = useState(url);
  const [state, setState] = useState<{ isBusy: boolean; error?: string }>({ isBusy: false });

  const join = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setState({ isBusy: true });
    try {
      const share = await kernel.redeem(ShareReader, urlOfInvite(text));
      const id = await root.join(share);
      onClose();
      goTo({ at: 'list', id });
      say('You have joined the list');
    } catch (error) {
      setState({ isBusy: false, error: textOf(error) });
    }
  };
  return (
    <Dialog title="Join a list" onClose={onClose}>
      <form className="stack" onSubmit={(event) => void join(event)}>
        <label className="field">
          <span>Link of the list</span>
          <textarea
            value={text}
            onChange={(event) => setText(event.target.value)}
            autoFocus
            required
            rows={3}
            spellCheck={false}
            placeholder="Paste what you were sent"
            aria-describedby="join-help"
          />
        </label>
        <p id="join-help" className="quiet">
          The link is the key: it opens this one list, with what its owner allows, and nothing else.
        </p>
        {state.error !== undefined && (
          <p className="problem" role="alert">
            {state.error}
          </p>
        )}
        <div className="actions">
          <button className="button" disabled={state.isBusy}>
            {state.isBusy ? 'Looking for its owner …' : 'Join'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
