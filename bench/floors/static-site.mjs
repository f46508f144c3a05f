/** Files for a page on a port of this machine. */
import { createServer } from 'node:http';

/** @param files - by path: `{ type, text }`. */
export async function serveFiles(files) {
  const server = createServer(({ url }, response) => {
    const file = files[new URL(url, 'http://localhost').pathname];
    if (file === undefined) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': file.type, 'cache-control': 'max-age=3600' });
    return response.end(file.text);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://localhost:${server.address().port}`,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
