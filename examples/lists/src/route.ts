/** Where the app is, in the part of the address that is sent to no server: `#list-3`, `#join=ocap:…`. */
import { useSyncExternalStore } from 'react';

export type Route = { at: 'home' } | { at: 'list'; id: string } | { at: 'join'; url: string };

export function parseRoute(hash: string): Route {
  const [, joined] = /^#join=(.+)$/.exec(hash) ?? [];
  if (joined !== undefined) return { at: 'join', url: decodeURIComponent(joined) };
  return hash.length > 1 ? { at: 'list', id: hash.slice(1) } : { at: 'home' };
}

export const inviteOf = (url: string): string =>
  `${location.origin}${location.pathname}#join=${encodeURIComponent(url)}`;

/** An ocap URL, or an invitation that has one. */
export function urlOfInvite(text: string): string {
  const [, url] = /#join=(\S+)/.exec(text) ?? [];
  return url === undefined ? text.trim() : decodeURIComponent(url);
}

export function goTo(route: Route): void {
  location.hash =
    route.at === 'list'
      ? route.id
      : route.at === 'join'
        ? `join=${encodeURIComponent(route.url)}`
        : '';
}

const subscribe = (listener: () => void): (() => void) => {
  addEventListener('hashchange', listener);
  return () => removeEventListener('hashchange', listener);
};

export const useHash = (): string => useSyncExternalStore(subscribe, () => location.hash);

const subscribeNetwork = (listener: () => void): (() => void) => {
  addEventListener('online', listener);
  addEventListener('offline', listener);
  return () => {
    removeEventListener('online', listener);
    removeEventListener('offline', listener);
  };
};

export const useIsOnline = (): boolean =>
  useSyncExternalStore(subscribeNetwork, () => navigator.onLine);
