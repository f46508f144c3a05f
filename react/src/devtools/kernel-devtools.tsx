import { lazy, Suspense, useContext, useState, useSyncExternalStore, type ReactNode } from 'react';
import type { KernelClient } from '@vatkit/sdk';
import { KernelContext } from '../provider.js';

export type KernelDevtoolsProps = {
  /** The client whose kernel is shown. Default: that of the nearest provider. */
  kernel?: KernelClient;
  /** Default: only in development, as `process.env.NODE_ENV` or `import.meta.env` say. Else nothing is loaded. */
  enabled?: boolean;
  /** Default `system`: what the browser prefers. */
  theme?: 'system' | 'light' | 'dark';
  /** Shows the panel at once, not the button that opens it. */
  initiallyOpen?: boolean;
  /** Shows the panel where it stands in the page, without a button. */
  inline?: boolean;
};

const Shell = lazy(() => import('./shell.js'));

/**
 * A button that opens a panel with all that a kernel does: vats, objects, messages, its store, peers, throughput. Who can
 * see it has the kernel's whole authority.
 *
 *     <KernelDevtools />
 */
export function KernelDevtools({
  enabled = isDevelopment(),
  ...props
}: KernelDevtoolsProps): ReactNode {
  return enabled && <Enabled {...props} />;
}

const never = (): (() => void) => () => {};

function Enabled({
  kernel: given,
  theme = 'system',
  initiallyOpen = false,
  inline = false,
}: KernelDevtoolsProps): ReactNode {
  const provided = useContext(KernelContext);
  const kernel = given ?? provided;
  // Nothing on a server, and the same nothing first in the page.
  const isPage = useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
  const [isOpen, setOpen] = useState(initiallyOpen || inline);
  if (kernel === undefined)
    throw new Error('KernelDevtools takes a kernel, or stands below a KernelProvider');
  if (!isPage) return null;
  return (
    <Suspense fallback={null}>
      <Shell kernel={kernel} theme={theme} inline={inline} isOpen={isOpen} onOpen={setOpen} />
    </Suspense>
  );
}

function isDevelopment(): boolean {
  try {
    // Spelled out, since bundlers put the value in its place.
    if (process.env.NODE_ENV !== undefined) return process.env.NODE_ENV === 'development';
  } catch {
    // A page without a bundler has no process.
  }
  return (import.meta as { env?: { DEV?: boolean } }).env?.DEV === true;
}
