import { useState, type ReactNode } from 'react';
import { useVatCall } from '@vatkit/react';
import { ListsRoot } from '../vats/lists.vat.gen.js';
import { useAnnouncer } from './announcer.js';
import { sealBackup } from './backup.js';
import { Dialog } from './dialog.js';
import { Icon } from './icons.js';

/** The words that bring everything back, and the file that they open. */
export function BackupDialog({
  root,
  name,
  onClose,
}: {
  root: ListsRoot;
  name: string;
  onClose: () => void;
}): ReactNode {
  const { data: phrase, error } = useVatCall(ListsRoot.phrase, { on: root });
  const { attempt, say } = useAnnouncer();
  const [isShown, setIsShown] = useState(false);

  const download = (): Promise<boolean> =>
    attempt(async () => {
      const file = await sealBackup(phrase ?? '', { name, lists: await root.save() });
      const link = document.createElement('a');
      link.href = URL.createObjectURL(file);
      link.download = 'lists.tandem';
      link.click();
      URL.revokeObjectURL(link.href);
      say('The backup file is saved');
    });

  return (
    <Dialog title="Backup" onClose={onClose}>
      <p>
        These twelve words are you. Write them down on paper and keep them where only you look: who
        has them and the file below has your lists.
      </p>
      {error !== null && <p role="alert">{error.message}</p>}
      {isShown ? (
        <ol className="phrase" aria-label="Recovery phrase">
          {(phrase ?? '').split(' ').map((word, at) => (
            <li key={at}>{word}</li>
          ))}
        </ol>
      ) : (
        <button className="phrase-cover" onClick={() => setIsShown(true)} disabled={!phrase}>
          <Icon name="eye" />
          Show the recovery phrase
        </button>
      )}
      <div className="actions">
        <button className="button" disabled={!phrase} onClick={() => void download()}>
          Save a backup file
        </button>
      </div>
      <p className="quiet">
        To restore, open Tandem on another device and choose “I have a recovery phrase”. Links that
        you gave to others are to be made anew there.
      </p>
    </Dialog>
  );
}
