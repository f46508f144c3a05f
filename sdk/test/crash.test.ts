/**
 * A kernel that is killed in the middle of its work: what was acknowledged is there, and nothing has happened twice.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Kernel } from '@vatkit/sdk/kernel';
import { describe, expect, it } from 'vitest';
import {
  bundleOf,
  bundleOfRoot,
  call,
  clusterOf,
  expectSoundStore,
  makeFile,
  makeStoreFile,
  rejectionOf,
  startKernel,
  stopKernel,
} from './harness.js';

type Child = ChildProcessByStdio<null, Readable, Readable>;

const run = (program: string[], args: string[]): Child =>
  spawn(process.execPath, [...program, ...args], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'pipe'],
  });

type Ended = { lines: string[]; status: number | null; signal: string | null; errors: string };

/** Everything that a child said until it ended. `onLines` is told how many lines it has said so far. */
async function listen(child: Child, onLines: (count: number) => void = () => {}): Promise<Ended> {
  let said = '';
  let count = 0;
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    count += chunk.filter((byte) => byte === 10).length;
    onLines(count);
  });
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  return new Promise((resolve) => {
    child.on('close', (status, signal) => {
      // A line that was cut short was not said.
      resolve({ lines: said.split('\n').slice(0, -1), status, signal, errors });
    });
  });
}

/** Ids that each vat counted, over all vats; `relay7.back` among them. */
async function countedIds(kernel: Kernel): Promise<Set<string>[]> {
  const all: Set<string>[] = [];
  for (const vatId of ['v1', 'v2', 'v3']) {
    const root = kernel.getRootObject(vatId);
    expect(await call(kernel, root, 'duplicates'), `duplicates in ${vatId}`).toStrictEqual([]);
    all.push(new Set((await call(kernel, root, 'ids')) as string[]));
  }
  return all;
}

describe('a kernel that is killed under load', () => {
  it('loses nothing that it answered and does nothing twice, over many rounds on one store', async () => {
    const dbFilename = makeStoreFile();
    const bundleFile = makeFile('keeper.bundle', await bundleOf('keeper.vat.js'));
    const asked = new Set<string>();
    const answered = new Set<string>();
    let nextId = 0;
    const rounds = 12;
    for (let round = 1; round <= rounds; round += 1) {
      const child = run(['crash-child.mjs'], [dbFilename, bundleFile, String(nextId)]);
      // Early as well as late: while the vats start again, in the first commit, and in full swing.
      const linesMax = round % 3 === 0 ? 1 : 100 + Math.floor(Math.random() * 1_000);
      let dying = false;
      const { lines, signal, errors } = await listen(child, (count) => {
        if (dying || count < linesMax) return;
        dying = true;
        void delay(Math.random() * 30).then(() => child.kill('SIGKILL'));
      });
      expect({ signal, errors }).toStrictEqual({ signal: 'SIGKILL', errors: '' });
      for (const line of lines.slice(1)) {
        expect(line.startsWith('!'), line).toBe(false);
        if (line.startsWith('?')) asked.add(line.slice(1));
        else answered.add(line);
      }
      nextId = 1_000_000 * round;
      await expectSoundStore(dbFilename);
      // Every other round a kernel looks; the next child must also find its way alone.
      if (round % 4 !== 0) continue;
      const kernel = await startKernel({ dbFilename });
      await settled(kernel);
      for (const id of kernel.getSubclusters().map((subcluster) => subcluster.id)) {
        expect(answered.has(`end ${id}`), `${id} was terminated`).toBe(false);
      }
      for (const launched of [...answered].filter((line) => line.startsWith('launch '))) {
        const id = launched.slice('launch '.length);
        if (!asked.has(`end ${id}`)) expect(kernel.getSubcluster(id), launched).toBeDefined();
      }
      const [a, b, c] = (await countedIds(kernel)) as [Set<string>, Set<string>, Set<string>];
      const counted = new Set([...a, ...b, ...c]);
      const arrived = (id: string) => b.has(`${id}.there`) || c.has(`${id}.there`);
      const lost = [...answered].filter((id) => {
        if (id.startsWith('count')) return !counted.has(id);
        return (
          id.startsWith('relay') && !(a.has(`${id}.out`) && a.has(`${id}.back`) && arrived(id))
        );
      });
      expect(lost, 'answered and not there').toStrictEqual([]);
      const strange = [...counted].filter((id) => !asked.has(id.replace(/\.\w+$/, '')));
      expect(strange, 'there and never asked for').toStrictEqual([]);
      // What left for another vat arrived there, however often the process died on the way.
      const stranded = [...a].filter((id) => {
        const [relay] = /^relay\d+(?=\.out$)/.exec(id) ?? [];
        return relay !== undefined && !arrived(relay);
      });
      expect(stranded, 'left and never arrived').toStrictEqual([]);
      await stopKernel(kernel);
    }
    // Else the test has tested nothing.
    expect(answered.size).toBeGreaterThan(rounds * 10);
  }, 180_000);
});

/** Messages that were on their way when the process died are delivered now: until nothing is in a queue. */
async function settled(kernel: Kernel): Promise<void> {
  for (;;) {
    const [row] = kernel.kernelDatabase.executeQuery(
      "SELECT count(*) AS n FROM kv WHERE key GLOB 'q.v*.*'",
    );
    if (row!.n === 0) return;
    await delay(20);
  }
}

describe('a message that kills the process', () => {
  /** V8 ends the process, not only the thread, for an array that is too large. */
  const poison = `'x'.repeat(2 ** 29 - 25).split('')`;

  it('is tried a second time and never again; the kernel and the other vats live on', async () => {
    const dbFilename = makeStoreFile();
    const bundleSpec = bundleOfRoot(`
      bootstrap: vats => void baggage.init('victim', vats.victim),
      send: () => { const answer = far.E(baggage.get('victim')).die();
        answer.then(() => {}, error => baggage.init('heard', error.message)); return 'sent'; },
      heard: () => baggage.has('heard') ? baggage.get('heard') : 'nothing',
      die() { baggage.init('half', 1); return ${poison}.length; },
      isHalf: () => baggage.has('half'),
      hello: () => 'hello'`);
    const first = await startKernel({ dbFilename });
    const { rootKref } = await first.launchSubcluster(clusterOf(bundleSpec, ['sender', 'victim']));
    const victim = first.getRootObject('v2');
    await stopKernel(first);

    const program = `
      import { makeKernel } from '@vatkit/sdk/node';
      const [, dbFilename, root] = process.argv;
      const kernel = await makeKernel({ dbFilename });
      process.stdout.write('ready\\n');
      if (root) await kernel.queueMessage(root, 'send', []);
      process.stdout.write('sent\\n');
      setTimeout(() => process.exit(0), 30_000);`;
    const eval_ = ['--input-type=module', '--eval', program];
    const one = await listen(run(eval_, [dbFilename, rootKref]));
    expect({ ...one, errors: '' }).toMatchObject({
      lines: ['ready', 'sent'],
      status: expect.not.toSatisfy((code: number) => code === 0) as number,
    });
    // It comes again by itself, for it is in the store; and ends the process a second time.
    const two = await listen(run(eval_, [dbFilename]));
    expect(two.status).not.toBe(0);

    const third = await startKernel({ dbFilename });
    expect(await call(third, victim, 'hello')).toBe('hello');
    expect(await call(third, victim, 'isHalf')).toBe(false);
    expect(await call(third, rootKref, 'hello')).toBe('hello');
    expect(await rejectionOf(third.queueMessage(victim, 'nothing', []))).toMatchObject({
      name: 'TypeError',
    });
  }, 60_000);
});
