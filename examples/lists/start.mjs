/**
 * `npm start`: builds Tandem and serves what was built, as any web server could, and beside it a relay, over which
 * kernels of different browsers meet. Until Ctrl-C.
 *
 *     node examples/lists/start.mjs [--port 5173]
 */
import { fileURLToPath } from 'node:url';
import { startRelay } from '@vatkit/sdk/node';
import { build, preview } from 'vite';

const configFile = fileURLToPath(new URL('vite.config.ts', import.meta.url));

/** The relay's key, made at the first start: links that were given to others name the relay by it. */
const keyFile = fileURLToPath(new URL('.relay.key', import.meta.url));

/** What a deployed app has as a file beside it. */
const serveConfig = (config) => ({
  name: 'tandem-config',
  configurePreviewServer({ middlewares }) {
    middlewares.use('/config.json', (_request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(config));
    });
  },
});

/**
 * @param port - the page's; the relay has the next one. 0: any two that are free.
 * @returns {Promise<{ url: string, relays: string[], close: () => Promise<void> }>}
 */
export async function startApp({ port = 5173 } = {}) {
  await build({ configFile, logLevel: 'warn' });
  const relayPort = port === 0 ? 0 : port + 1;
  const relay = await startRelay({ keyFile, listen: [`/ip4/127.0.0.1/tcp/${relayPort}/ws`] });
  const relays = [...relay.addresses];
  const server = await preview({
    configFile,
    logLevel: 'warn',
    plugins: [serveConfig({ relays })],
    preview: { port },
  });
  const [url] = server.resolvedUrls?.local ?? [];
  const close = async () => {
    await Promise.all([server.close(), relay.stop()]);
  };
  return { url: url ?? '', relays, close };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const at = process.argv.indexOf('--port');
  console.log('Building Tandem (half a minute at most) ...');
  const app = await startApp(at === -1 ? {} : { port: Number(process.argv[at + 1]) });
  console.log(`\n  Tandem, shared lists:  ${app.url}`);
  console.log(`  As another person:     ${app.url}?profile=bob`);
  console.log(`  Its relay:             ${app.relays[0]}\n`);
  console.log('Ctrl-C stops it.');
  const stop = () => {
    app.close().then(
      () => process.exit(0),
      (error) => {
        console.error(error.message);
        process.exit(1);
      },
    );
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}
