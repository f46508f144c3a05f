import {
  lazy,
  Suspense,
  useId,
  useInsertionEffect,
  useState,
  type KeyboardEvent,
  type ReactNode,
} from 'react';
import type { KernelClient } from '@vatkit/sdk';
import { AdminProvider, useShared, useStatus } from './admin.js';
import { Badge, Button, Note } from './parts.js';
import { css } from './style.js';

export type ShellProps = {
  kernel: KernelClient;
  theme: 'system' | 'light' | 'dark';
  inline: boolean;
  isOpen: boolean;
  onOpen: (isOpen: boolean) => void;
};

const panels = [
  { name: 'Vats', Panel: lazy(() => import('./panels/vats.js')) },
  { name: 'Objects', Panel: lazy(() => import('./panels/objects.js')) },
  { name: 'Messages', Panel: lazy(() => import('./panels/messages.js')) },
  { name: 'Database', Panel: lazy(() => import('./panels/database.js')) },
  { name: 'Peers', Panel: lazy(() => import('./panels/peers.js')) },
  { name: 'Activity', Panel: lazy(() => import('./panels/activity.js')) },
] as const;

const STYLE_ID = 'vatkit-devtools-style';

/** The button, and the panel that it opens. Loaded only where devtools are enabled. */
export default function Shell({ kernel, theme, inline, isOpen, onOpen }: ShellProps): ReactNode {
  useInsertionEffect(() => {
    if (document.getElementById(STYLE_ID) !== null) return;
    const style = document.createElement('style');
    style.id = STYLE_ID;
    style.textContent = css;
    document.head.append(style);
  }, []);
  return (
    <div className="vkd" data-theme={theme} data-inline={inline || undefined}>
      {isOpen ? (
        <AdminProvider kernel={kernel}>
          <Panels onClose={inline ? undefined : () => onOpen(false)} />
        </AdminProvider>
      ) : (
        <button
          type="button"
          className="vkd-open"
          aria-label="Open kernel devtools"
          onClick={() => onOpen(true)}
        >
          <Mark />
        </button>
      )}
    </div>
  );
}

const Mark = (): ReactNode => (
  <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
    <path
      d="M4 5h16l-8 15z"
      fill="none"
      stroke="currentColor"
      strokeWidth="2"
      strokeLinejoin="round"
    />
    <circle cx="12" cy="10" r="2.2" fill="currentColor" />
  </svg>
);

const stepOf: { [key: string]: (at: number, count: number) => number } = {
  ArrowRight: (at, count) => (at + 1) % count,
  ArrowLeft: (at, count) => (at + count - 1) % count,
  Home: () => 0,
  End: (_at, count) => count - 1,
};

function Panels({ onClose }: { onClose: (() => void) | undefined }): ReactNode {
  const [at, setAt] = useState(0);
  const id = useId();
  const status = useStatus();
  const { kernel } = useShared();
  const { Panel, name } = panels[at] as (typeof panels)[number];

  const onKey = (event: KeyboardEvent<HTMLElement>): void => {
    const step = stepOf[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = step(at, panels.length);
    setAt(next);
    document.getElementById(`${id}-tab-${next}`)?.focus();
  };

  return (
    <section
      className="vkd-panel"
      aria-label="Kernel devtools"
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose?.();
      }}
    >
      <header className="vkd-head">
        <span className="vkd-title">
          <Mark /> {kernel.name}
        </span>
        <Badge of={status.phase} />
        {status.storage !== undefined && <Badge of={status.storage} />}
        <div className="vkd-tabs" role="tablist" aria-label="Panels" onKeyDown={onKey}>
          {panels.map((panel, index) => (
            <button
              key={panel.name}
              id={`${id}-tab-${index}`}
              type="button"
              role="tab"
              aria-selected={index === at}
              aria-controls={`${id}-panel`}
              tabIndex={index === at ? 0 : -1}
              onClick={() => setAt(index)}
            >
              {panel.name}
            </button>
          ))}
        </div>
        {onClose && (
          <Button label="Close kernel devtools" onPress={onClose}>
            ✕
          </Button>
        )}
      </header>
      <div
        className="vkd-body"
        id={`${id}-panel`}
        role="tabpanel"
        aria-labelledby={`${id}-tab-${at}`}
        tabIndex={0}
      >
        <Phase />
        <Suspense fallback={<Note>Loading {name} …</Note>}>
          <Panel />
        </Suspense>
      </div>
      <LastAction />
    </section>
  );
}

/** Why there may be nothing to see. */
function Phase(): ReactNode {
  const { phase, error } = useStatus();
  const { kernel, act } = useShared();
  switch (phase) {
    case 'ready':
      return null;
    case 'idle':
      return (
        <Note>
          Nothing has used this kernel so far, so it does not run.{' '}
          <Button onPress={() => act('start', kernel.ready)}>Start it</Button>
        </Note>
      );
    case 'starting':
      return <Note>The kernel is starting …</Note>;
    case 'reconnecting':
      return <Note>The kernel was lost; another one is sought …</Note>;
    default:
      return (
        <Note kind="error">
          The kernel is {phase}
          {error === undefined ? '' : `: ${error.message}`}
        </Note>
      );
  }
}

/** What was asked last, and what came of it; all of it on demand. */
function LastAction(): ReactNode {
  const { actions } = useShared();
  const [isLong, setLong] = useState(false);
  const shown = isLong ? actions : actions.slice(0, 1);
  return (
    <footer className="vkd-foot">
      <div role="status" aria-label="Last actions">
        {actions.length === 0 && 'Nothing asked yet'}
        <ul>
          {shown.map(({ id, what, state, text }) => (
            <li key={id} data-state={state}>
              <b>{what}</b> {state === 'running' ? '…' : state} <span>{text}</span>
            </li>
          ))}
        </ul>
      </div>
      {actions.length > 1 && (
        <Button onPress={() => setLong(!isLong)}>
          {isLong ? 'Less' : `All ${actions.length}`}
        </Button>
      )}
    </footer>
  );
}
