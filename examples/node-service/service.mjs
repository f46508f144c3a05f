/**
 * A web service whose state is a vat's. It keeps short links: a POST of an address gives a name for it, a GET of the
 * name leads there. The HTTP server has the powers of the process, the vat has none; what the vat answered is on disk.
 *
 *     node service.mjs [port] [file]
 */
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { bundleVatFile } from '@vatkit/codegen';
import { createKernel, withOptions } from '@vatkit/sdk';
import { startKernelWorker } from '@vatkit/sdk/node';

const [port = '8080', dbFilename = 'links.db'] = process.argv.slice(2);
const bodyMax = 2_048;

const source = fileURLToPath(new URL('links.vat.js', import.meta.url));
await bundleVatFile(source);
const bundleSpec = new URL('links.vat.bundle', import.meta.url).href;

const kernel = createKernel({ worker: () => startKernelWorker({ dbFilename }), name: 'links' });
const { root } = await kernel.launch({
  name: 'links',
  config: { bootstrap: 'links', vats: { links: { bundleSpec } } },
});
const links = withOptions(root, { timeoutMs: 5_000 });

async function readBody(request) {
  let text = '';
  for await (const chunk of request) {
    text += chunk;
    if (text.length > bodyMax) throw new RangeError('the address is too long');
  }
  return text;
}

const routes = {
  async POST(request, response) {
    const name = await links.shorten(await readBody(request));
    response.writeHead(201, { 'content-type': 'text/plain' }).end(`${name}\n`);
  },
  async GET(request, response) {
    const address = await links.visit((request.url ?? '/').slice(1));
    if (address === undefined) response.writeHead(404).end('There is no such link\n');
    else response.writeHead(302, { location: address }).end();
  },
};

const server = createServer((request, response) => {
  const route = routes[request.method] ?? (async () => response.writeHead(405).end());
  route(request, response).catch((error) => {
    response.writeHead(400, { 'content-type': 'text/plain' }).end(`${error.message}\n`);
  });
});
server.listen(Number(port), () => console.log(`http://localhost:${server.address().port}/`));

const stop = () => {
  server.closeAllConnections();
  server.close(() => void kernel.close());
};
process.once('SIGINT', stop);
process.once('SIGTERM', stop);
