/* Keeps the app's own files, so that it starts without a network. Lists are the kernel's, and are not here. */
const cacheName = 'tandem-1';

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

/** What is named by its content never changes; everything else is asked for, and kept for when nothing answers. */
async function answer(request) {
  const cache = await caches.open(cacheName);
  const isNamedByContent = /\/assets\//.test(new URL(request.url).pathname);
  const kept = await cache.match(request, { ignoreSearch: isNamedByContent });
  if (kept !== undefined && isNamedByContent) return kept;
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const page = request.mode === 'navigate' ? await cache.match('./') : undefined;
    if (kept ?? page) return kept ?? page;
    throw error;
  }
}

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const isOurs = new URL(request.url).origin === self.location.origin;
  if (isOurs && request.method === 'GET') event.respondWith(answer(request));
});
