/** Uses what it is granted, and says what it is not. */
import { E } from '@endo/far';
import { makeDefaultExo } from '@metamask/kernel-utils/exo';
export function buildRootObject({ logger }, { name = 'anonymous' }, _baggage) {
  const tlog = logger.subLogger({ tags: ['test'] });
  const tests = {
    date: () => [Date.now() > 1e12, new Date(0).toISOString(), new Date().getTime() > 1e12],
    dateIsTamed: () => [
      (() => {
        try {
          return Date.now();
        } catch (error) {
          return error.message;
        }
      })(),
      typeof new Date(5).getTime(),
    ],
    math: () => [Math.random() >= 0, Math.max(1, 2)],
    mathIsTamed: () => {
      try {
        return Math.random();
      } catch (error) {
        return error.message;
      }
    },
    timeout: async () => {
      const order = [];
      await new Promise((resolve) => {
        setTimeout(() => (order.push('second'), resolve()), 30);
        const cleared = setTimeout(() => order.push('never'), 10);
        clearTimeout(cleared);
        setTimeout((...args) => order.push(...args), 10, 'first', 'argument');
      });
      return order;
    },
    interval: async () => {
      let ticks = 0;
      await new Promise((resolve) => {
        const handle = setInterval(() => {
          ticks += 1;
          if (ticks === 3) {
            clearInterval(handle);
            resolve();
          }
        }, 10);
      });
      return ticks;
    },
    text: () => [
      [...new TextEncoder().encode('é')],
      new TextDecoder().decode(new TextEncoder().encode('é')),
      btoa('hello'),
      atob('aGVsbG8='),
    ],
    url: () => {
      const url = new URL('/path?a=1&b=2#c', 'https://user@example.com:8080');
      url.searchParams.append('d', '3');
      return [
        url.host,
        url.pathname,
        url.search,
        url.hash,
        [...new URLSearchParams('x=1&y=2')].flat().join(),
        String(url),
      ];
    },
    crypto: async () => [
      crypto.getRandomValues(new Uint8Array(8)).length,
      /^[0-9a-f-]{36}$/.test(crypto.randomUUID()),
      [...new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode('abc')))]
        .slice(0, 4)
        .join(),
    ],
    abort: async () => {
      const controller = new AbortController();
      const heard = [];
      controller.signal.addEventListener('abort', () => heard.push('abort'));
      controller.abort(Error('enough'));
      return [controller.signal.aborted, heard, controller.signal.reason.message];
    },
    fetch: async (url) => {
      const response = await fetch(url, {
        method: 'POST',
        body: 'body',
        headers: { 'x-name': name },
      });
      return [
        response.ok,
        response.status,
        response.headers.get('content-type'),
        await response.json(),
      ];
    },
    fetchRequest: async (url) => {
      const request = new Request(url, { headers: new Headers({ 'x-name': 'request' }) });
      const response = await fetch(request);
      return [response instanceof Response, await response.json()];
    },
    fetchRefused: async (url) => fetch(url).then(String, (error) => error.message),
    absent: () =>
      [
        'process',
        'require',
        'Buffer',
        'fetch',
        'setTimeout',
        'WebSocket',
        'Intl',
        'URL',
        'fs',
      ].filter((global) => global in globalThis),
    always: () => [typeof console.log, typeof assert, typeof harden, typeof globalThis.Map],
    fs: async (path) => {
      const { fs } = globalThis;
      return [
        fs.existsSync(path),
        await fs.promises.readFile(path, 'utf8'),
        Object.keys(fs.promises),
      ];
    },
    fsRefused: async (path) =>
      globalThis.fs.promises.readFile(path).then(String, (error) => error.message),
  };
  return makeDefaultExo('root', {
    bootstrap: async (vats) => {
      tlog.log(`${name} booted`, Object.keys(vats));
      tlog.debug('debug');
      tlog.info('info');
      tlog.warn('warn', { code: 7n });
      tlog.error('error', new Error('logged'));
      console.log('said', 1);
    },
    run: (test, ...args) => tests[test](...args),
    ask: async (target, test) => E(target).run(test),
  });
}
