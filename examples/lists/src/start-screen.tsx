import { useEffect, useState, type ReactNode } from 'react';
import { useKernelStatus } from '@vatkit/react';
import { textOf } from './announcer.js';

const patienceMs = 8_000;

/** What is to be seen while the kernel starts, and where it did not. */
export function StartScreen({
  phase,
  error,
  onRetry,
}: {
  phase: string;
  error: Error | null;
  onRetry: () => void;
}): ReactNode {
  const launching = useKernelStatus(({ launching }) => Object.keys(launching).length > 0);
  const [isSlow, setIsSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setIsSlow(true), patienceMs);
    return () => clearTimeout(timer);
  }, []);

  if (phase === 'reload-required')
    return (
      <Splash title="There is a newer Tandem">
        <p>Another tab runs a newer version. Load this one again to go on.</p>
        <button className="button" onClick={() => location.reload()}>
          Reload
        </button>
      </Splash>
    );
  if (error !== null)
    return (
      <Splash title="Tandem did not start">
        <p role="alert">{textOf(error)}</p>
        <p className="quiet">Your lists are safe on this device.</p>
        <button className="button" onClick={onRetry}>
          Try again
        </button>
      </Splash>
    );
  const step = phase !== 'ready' ? 1 : launching ? 2 : 3;
  return (
    <Splash title="Tandem">
      <p role="status">
        {['', 'Starting the kernel …', 'Starting its vats …', 'Opening your lists …'][step]}
      </p>
      <progress value={step} max={4} aria-label="Start-up" />
      {isSlow && <p className="quiet">The first start of all takes the longest.</p>}
    </Splash>
  );
}

export function Splash({ title, children }: { title: string; children: ReactNode }): ReactNode {
  return (
    <main className="splash">
      <img src="./icon.svg" alt="" width="72" height="72" />
      <h1>{title}</h1>
      {children}
    </main>
  );
}
