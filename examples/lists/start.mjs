/**
 * `npm start`: builds Tandem and serves what was built, as any web server could, until Ctrl-C.
 *
 *     node examples/lists/start.mjs [--port 5173]
 */
import { fileURLToPath } from 'node:url';
import { build, preview } from 'vite';

const configFile = fileURLToPath(new URL('vite.config.ts', import.meta.url));

/** @returns {Promise<{ url: string, close: () => Promise<void> }>} */
export async function startApp({ port = 5173 } = {}) {
  await build({ configFile, logLevel: 'warn' });
  const server = await preview({ configFile, logLevel: 'warn', preview: { port } });
  const [url] = server.resolvedUrls?.local ?? [];
  return { url: url ?? '', close: () => server.close() };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const at = process.argv.indexOf('--port');
  console.log('Building Tandem (half a minute at most) ...');
  const app = await startApp(at === -1 ? {} : { port: Number(process.argv[at + 1]) });
  console.log(`\n  Tandem, shared lists:  ${app.url}`);
  console.log(`  As another person:     ${app.url}?profile=bob\n`);
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
