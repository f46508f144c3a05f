/** A kernel's worker whose options are wrong. */
import { serveKernel } from '@vatkit/sdk/worker';

serveKernel({ storage: 'memory', limits: { nonsense: 1 } as object });
