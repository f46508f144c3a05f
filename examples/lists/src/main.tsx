import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { KernelProvider } from '@vatkit/react';
import { App } from './app.js';
import { AnnouncerProvider } from './announcer.js';
import { kernel } from './kernel.js';
import './style.css';

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no element with the id root');

createRoot(root).render(
  <StrictMode>
    <KernelProvider kernel={kernel}>
      <AnnouncerProvider>
        <App />
      </AnnouncerProvider>
    </KernelProvider>
  </StrictMode>,
);

/** From now on the app starts without a network. */
async function keepForOffline(): Promise<void> {
  await navigator.serviceWorker.register('./sw.js');
  const { active } = await navigator.serviceWorker.ready;
  const loaded = performance.getEntriesByType('resource').map(({ name }) => name);
  active?.postMessage([...new Set([location.href.replace(/#.*/, ''), ...loaded])]);
}

if (import.meta.env.PROD && 'serviceWorker' in navigator) keepForOffline().catch(console.warn);
