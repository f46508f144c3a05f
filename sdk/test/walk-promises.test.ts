/** Promises between vats that were written for MetaMask's kernel: as arguments and results, chained, crossing, in rings. */
import { kunser } from '@vatkit/sdk/kernel';
import { describe, expect, it } from 'vitest';
import { makeLogRecorder, startKernel } from './harness.js';
import { strangers, testLog } from './walk.js';

const expected: Record<string, string[]> = {
  argumentResolvedBefore: ['take fulfilled: "bob took early"'],
  argumentResolvedAfter: ['take fulfilled: "bob took late"'],
  argumentRejected: ['take rejected: RangeError: too bad'],
  argumentWithinData: ['takeDeep fulfilled: {"n":1,"same":true,"value":{"n":7}}'],
  argumentOfAnotherVats: ['take fulfilled: "carol took from bob"'],
  argumentResolvedByAnother: ['mine fulfilled: "by bob"'],
  resultIsAPromise: ['result fulfilled: "kept"'],
  resultIsAnArgument: ['result fulfilled: "echoed"'],
  resultWithPromises: [
    'now fulfilled: "now"',
    'later fulfilled: "inner"',
    'never rejected: Error: not ever',
  ],
  chain: ['first fulfilled: "chained"', 'third fulfilled: "chained"'],
  chainRejected: ['second rejected: Error: broken link'],
  crossing: ['bob fulfilled: "bob took of carol"', 'carol fulfilled: "carol took of bob"'],
  cycleWithin: ['cycle: true true'],
  cycleAcross: ['cycle: [object Promise] true'],
  cycleOfItself: ['self: true'],
  resolveToItself: ['itself: rejected TypeError'],
  pipeline: ['pipelined fulfilled: "one.two"'],
  pipelineToUnresolved: ['pipe heard 1', 'pipe heard 2', 'pipe heard 3'],
  pipelineToAnother: ['heard fulfilled: "of carol heard you"'],
  pipelineToMine: ['heard fulfilled: "I heard myself"'],
  pipelineToData: [
    'heard rejected: Error: [KERNEL:BAD_PROMISE_RESOLUTION] Promise fulfilled but did not contain an object reference',
  ],
  pipelineToRejection: ['heard rejected: Error: no object'],
  pipelineOwnResult: ['heard fulfilled: "one heard it"'],
  errors: [
    'error rejected: Error: plain',
    'error rejected: TypeError: typed',
    'text rejected: undefined: words',
    'missing rejected: TypeError: target has no method "missing", has [',
    'stack hidden: true',
  ],
  rejectionIsAReference: ['thrown: thrown one'],
  sendOnly: [
    'sendOnly: undefined',
    'remembered: only',
    'sendOnly failing: undefined',
    'still there: only',
  ],
  when: ['when: 2', 'when rejected: no', 'resolve: r'],
  get: [
    'get of data: 1',
    'get of deep data: deep',
    'get of a promise fulfilled: "now"',
    'get of an object rejected: TypeError: E.get(x).remember: a remote object has methods only',
  ],
  local: [
    'local: sent,42',
    'local rejected: Error: local no',
    'none rejected: TypeError: target has no method "none"',
  ],
  order: [`order: ${Array.from({ length: 20 }, (_, n) => n).join()}`],
  identity: [
    'mine again: true',
    "bob's again: true",
    'presence again: true',
    'bob knows his: true',
    'same promise twice: true',
  ],
  race: ['race: quick', 'all: slow,quick', 'settled: fulfilled,rejected', 'any: any'],
  unsettledAtTheEnd: ['went on'],
  rejectionHandledLater: ['later rejected: Error: handled later'],
};

describe('promises of strangers', () => {
  it.each(Object.entries(expected))('%s', async (test, lines) => {
    const logger = makeLogRecorder();
    const kernel = await startKernel({ logger });
    const { bootstrapResult } = await kernel.launchSubcluster(
      await strangers('promises.js', ['alice', 'bob', 'carol'], { test }),
    );
    expect(kunser(bootstrapResult!)).toBe('done');
    const [first, ...rest] = testLog(logger.records);
    expect(first).toBe(`alice runs ${test}`);
    expect(rest).toEqual(lines.map((line) => expect.stringContaining(line) as string));
    expect(logger.records.filter(({ level }) => level === 'error')).toEqual([]);
  });
});
