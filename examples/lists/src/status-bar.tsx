import type { ReactNode } from 'react';
import { useKernelStatus } from '@vatkit/react';
import type { Network } from './kernel.js';
import { useIsOnline } from './route.js';

const phases: { [phase: string]: string } = {
  ready: 'Kernel running',
  starting: 'Kernel starting …',
  reconnecting: 'Kernel is handed over …',
  failed: 'Kernel failed',
};

const networks: { [network in Network]: string } = {
  connecting: 'Connecting …',
  connected: 'Connected',
  off: 'No relay: on this device only',
  failed: 'Relay out of reach',
};

/** What the kernel does, in one line. */
export function StatusBar({ network }: { network: Network }): ReactNode {
  const { phase, storage, vats } = useKernelStatus();
  const isOnline = useIsOnline();
  const reach = isOnline ? network : 'offline';
  return (
    <footer className="status-bar" aria-label="Status">
      <span className="status" data-state={phase}>
        {phases[phase] ?? phase}
      </span>
      <span>
        {vats.length} {vats.length === 1 ? 'vat' : 'vats'}
      </span>
      <span className={storage === 'memory' ? 'warning' : undefined}>
        {storage === 'memory' ? 'Not saved: this browser keeps nothing' : 'Saved on this device'}
      </span>
      <span className="status status-network" data-state={reach} role="status">
        {isOnline ? networks[network] : 'Offline: changes are sent later'}
      </span>
    </footer>
  );
}
