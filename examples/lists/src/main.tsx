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

// It keeps the app's files, so that it starts without a network from now on.
if (import.meta.env.PROD && 'serviceWorker' in navigator)
  navigator.serviceWorker.register('./sw.js').catch(console.warn);
