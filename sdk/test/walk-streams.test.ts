/** What comes piece by piece: generators of other vats, and lines of a socket. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { kunser } from '@vatkit/sdk/kernel';
import { expect, it } from 'vitest';
import {
  call,
  makeFolder,
  makeStoreFile,
  rejectionOf,
  startKernel,
  stopKernel,
} from './harness.js';
import { strangers } from './walk.js';

it('generators of another vat are read to their end, to their failure, or for a while', async () => {
  const kernel = await startKernel();
  const { rootKref } = await kernel.launchSubcluster(
    await strangers('streams.js', ['reader', 'producer']),
  );
  expect(await call(kernel, rootKref, 'collect', 'count', 3)).toEqual([
    'producer 1',
    'producer 2',
    'producer 3',
  ]);
  expect(await call(kernel, rootKref, 'collect', 'count', 0)).toEqual([]);
  expect(await call(kernel, rootKref, 'collect', 'broken')).toEqual(['one', 'no more']);
  expect(await call(kernel, rootKref, 'take', 2)).toEqual(['producer 1', 'producer 2']);
});

it('a socket channel carries lines both ways, is there again after a restart, and ends with its subcluster', async () => {
  const path = join(makeFolder(), 'wire.sock');
  const dbFilename = makeStoreFile();
  const first = await startKernel({ dbFilename });
  const { rootKref, bootstrapResult } = await first.launchSubcluster({
    ...(await strangers('streams.js', ['reader', 'producer'])),
    io: { wire: { type: 'socket', path } },
  });
  expect(kunser(bootstrapResult!)).toEqual(['wire']);
  const shouted = call(first, rootKref, 'shout');
  const client = connect(path).setEncoding('utf8');
  client.write('hé');
  client.write('llo\n');
  expect(await shouted).toBe('héllo');
  expect(await once(client, 'data')).toEqual(['héllo!\n']);
  const ended = call(first, rootKref, 'shout');
  client.end();
  expect(await ended).toBe('the end');
  await stopKernel(first);

  const second = await startKernel({ dbFilename });
  const again = connect(path).setEncoding('utf8');
  await once(again, 'connect');
  again.end();
  await second.terminateSubcluster('s1');
  const refused = connect(path);
  const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toMatch(/ENOENT|ECONNREFUSED/);
});

it('a channel of one direction refuses the other', async () => {
  const kernel = await startKernel();
  const { rootKref } = await kernel.launchSubcluster({
    ...(await strangers('streams.js', ['reader', 'producer'])),
    io: { wire: { type: 'file', path: join(makeFolder(), 'out.txt'), direction: 'out' } },
  });
  expect((await rejectionOf(call(kernel, rootKref, 'shout'))).message).toContain('is write-only');
});
