/** A kernel's worker that has no patience with vats. */
import { serveKernel } from '@vatkit/sdk/worker';

serveKernel(Promise.resolve({ storage: 'memory', limits: { vatUnresponsiveMs: 1_000 } }));
