/*
 * Keeps the app's own files, so that it starts without a network. Lists are the kernel's, and are not here. The build
 * writes the names of all its files before this: `const files = ['./', 'assets/…']`.
 */
/* global self, caches, files */
const cacheName = 'tandem-2';
/** Files are what they are, whatever the request for them says of itself. */
const anyRequest = { ignoreVary: true, ignoreSearch: true };

const addressOf = (file) => new URL(file, self.registration.scope).href;

/** All of a release at once: what a page has not loaded yet it may need when there is no network. */
async function keepAll() {
  const cache = await caches.open(cacheName);
  await cache.addAll(files.map(addressOf));
}

/** Those of earlier releases; no page of theirs is open any more. */
async function dropOthers() {
  const wanted = new Set(files.map(addressOf));
  const cache = await caches.open(cacheName);
  for (const request of await cache.keys())
    if (!wanted.has(request.url)) await cache.delete(request);
  await self.clients.claim();
}

self.addEventListener('install', (event) => event.waitUntil(keepAll()));
self.addEventListener('activate', (event) => event.waitUntil(dropOthers()));

/** What is named by its content never changes; everything else is asked for, and kept for when nothing answers. */
async function answer(request) {
  const cache = await caches.open(cacheName);
  const kept = await cache.match(request, anyRequest);
  if (kept !== undefined && /\/assets\//.test(new URL(request.url).pathname)) return kept;
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const page =
      request.mode === 'navigate' ? await cache.match(addressOf('./'), anyRequest) : undefined;
    if (kept ?? page) return kept ?? page;
    throw error;
  }
}

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const isOurs = new URL(request.url).origin === self.location.origin;
  if (isOurs && request.method === 'GET') event.respondWith(answer(request));
});
