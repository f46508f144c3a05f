import { useState, type FormEvent, type ReactNode } from 'react';
import type { KernelClient } from '@vatkit/sdk';
import { useKernel } from '@vatkit/react';
import type { ListsRoot } from '../vats/lists.vat.gen.js';
import { useAnnouncer } from './announcer.js';
import { openBackup, readBackup } from './backup.js';
import { goTo, parseRoute } from './route.js';
import { Splash } from './start-screen.js';

/** The first start: a name, or what an earlier device left. */
export function Welcome({ root, onDone }: { root: ListsRoot; onDone: () => void }): ReactNode {
  const [isRestoring, setIsRestoring] = useState(false);
  return isRestoring ? (
    <Restore root={root} onDone={onDone} onBack={() => setIsRestoring(false)} />
  ) : (
    <Introduce root={root} onDone={onDone} onRestore={() => setIsRestoring(true)} />
  );
}

function Introduce({
  root,
  onDone,
  onRestore,
}: {
  root: ListsRoot;
  onDone: () => void;
  onRestore: () => void;
}): ReactNode {
  const kernel = useKernel();
  const { attempt } = useAnnouncer();
  const [name, setName] = useState('');
  const [isBusy, setIsBusy] = useState(false);
  const isInvited = parseRoute(location.hash).at === 'join';
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setIsBusy(true);
    const isDone = await attempt(async () => {
      await makeIdentity(kernel, root);
      await root.introduce(name);
    });
    if (isDone) onDone();
    else setIsBusy(false);
  };
  return (
    <Splash title="Lists for two, or a few">
      <p className="lead">
        {isInvited
          ? 'You were invited to a list. Say who you are, and it opens.'
          : 'Your lists stay on your devices. Share one with a link, take it back whenever you like.'}
      </p>
      <form className="stack" onSubmit={(event) => void submit(event)}>
        <label className="field">
          <span>What shall others call you?</span>
          <input
            value={name}
            onChange={(event) => setName(event.target.value)}
            autoFocus
            required
            maxLength={60}
            autoComplete="given-name"
            placeholder="Your name"
          />
        </label>
        <button className="button" disabled={isBusy}>
          Begin
        </button>
        <button type="button" className="text-button" onClick={onRestore}>
          I have a recovery phrase
        </button>
      </form>
    </Splash>
  );
}

/** A phrase of new words, and the identity that it stands for. The vat keeps it, so that it can be shown. */
async function makeIdentity(kernel: KernelClient, root: ListsRoot): Promise<void> {
  if ((await root.phrase()) !== '') return;
  const { generateMnemonic } = await import('@vatkit/sdk/kernel');
  const phrase = generateMnemonic();
  await kernel.admin.initIdentity({ mnemonic: phrase });
  await root.keepPhrase(phrase);
}

function Restore({
  root,
  onDone,
  onBack,
}: {
  root: ListsRoot;
  onDone: () => void;
  onBack: () => void;
}): ReactNode {
  const kernel = useKernel();
  const { attempt, say } = useAnnouncer();
  const [phrase, setPhrase] = useState('');
  const [file, setFile] = useState<File>();
  const [isBusy, setIsBusy] = useState(false);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setIsBusy(true);
    const isRestored = await attempt(async () => {
      const { name, lists } = await openBackup(phrase, await readBackup(file));
      await kernel.admin.initIdentity({ mnemonic: phrase.trim().replace(/\s+/g, ' ') });
      await root.restore(lists);
      await root.keepPhrase(phrase.trim().replace(/\s+/g, ' '));
      await root.introduce(name);
      say(`Welcome back, ${name}`);
    });
    setIsBusy(false);
    if (!isRestored) return;
    goTo({ at: 'home' });
    onDone();
  };
  return (
    <Splash title="Welcome back">
      <p className="lead">The phrase brings back who you are, the file what your lists held.</p>
      <form className="stack" onSubmit={(event) => void submit(event)}>
        <label className="field">
          <span>Recovery phrase</span>
          <textarea
            value={phrase}
            onChange={(event) => setPhrase(event.target.value)}
            autoFocus
            required
            rows={3}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            placeholder="Twelve words, in their order"
          />
        </label>
        <label className="field">
          <span>Backup file</span>
          <input
            type="file"
            required
            accept=".tandem,application/json"
            onChange={(event) => setFile(event.target.files?.[0])}
          />
        </label>
        <button className="button" disabled={isBusy}>
          {isBusy ? 'Restoring …' : 'Restore'}
        </button>
        <button type="button" className="text-button" onClick={onBack}>
          Begin without one
        </button>
      </form>
    </Splash>
  );
}
