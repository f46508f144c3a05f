/** Shapes of peers' objects, which strangers may describe without end. */
import { expect, test } from 'vitest';
import { makeChangeSet } from '../store/change-set.js';
import { makeMemoryStore } from '../store/memory-store.js';
import { makeCLists } from './clists.js';
import { makeReferences } from './references.js';
import { makeKernelRows } from './rows.js';
import { makeShapes, shapesMax } from './shapes.js';

test('a peer that describes ever more objects has the first shapes kept, and no search for each', () => {
  const changes = makeChangeSet(makeMemoryStore());
  let reads = 0;
  const watched = {
    ...changes,
    get(key: string) {
      reads += 1;
      return changes.get(key);
    },
  };
  const rows = makeKernelRows(watched, { promiseBlock: 1 });
  const clists = makeCLists(rows, makeReferences(rows));
  const shapes = makeShapes(rows, clists);
  const kref = clists.toKernel('r1', 'o+1');
  const describe = (name: string): void => shapes.describe('r1', [kref], { methods: [name] });
  for (let count = 0; count < shapesMax + 10; count += 1) describe(`m${count}`);
  expect(rows.shapes.ids('r1.')).toHaveLength(shapesMax);
  reads = 0;
  for (let count = 0; count < 1_000; count += 1) describe(`more${count}`);
  expect(reads).toBeLessThan(5_000);

  // What is undone was never described.
  shapes.forget('r1');
  shapes.describe('r1', [kref], { methods: ['one'] });
  const savepoint = changes.savepoint();
  shapes.describe('r1', [kref], { methods: ['two'] });
  changes.rollback(savepoint);
  shapes.undo();
  shapes.describe('r1', [kref], { methods: ['three'] });
  expect(shapes.of(kref)).toStrictEqual({ methods: ['three'] });
  expect(rows.shapes.ids('r1.').map((id) => rows.shapes.get(id))).toStrictEqual([
    { methods: ['one'] },
    { methods: ['three'] },
  ]);
});
