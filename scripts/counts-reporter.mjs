import { writeFileSync } from 'node:fs';

/** A vitest reporter that leaves the counts for scripts/test.mjs, in the file named by VATKIT_COUNTS. */
export default class CountsReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      // A file that cannot be loaded has no test that could fail.
      if (module.errors().length > 0) counts.failed += 1;
      for (const suite of module.children.allSuites()) {
        if (suite.errors().length > 0) counts.failed += 1;
      }
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        // A test left pending by a run that was broken off has not passed.
        counts[state === 'pending' ? 'failed' : state] += 1;
      }
    }
    writeFileSync(process.env.VATKIT_COUNTS, JSON.stringify(counts));
  }
}
