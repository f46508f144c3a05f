/** A kernel's worker as an app writes it, whose kernel keeps nothing. */
import { serveKernel } from '@vatkit/sdk/worker';

serveKernel({ storage: 'memory' });
