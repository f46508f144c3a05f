/** A real kernel of the page, which keeps nothing. */
import { serveKernel } from '@vatkit/sdk/worker';

serveKernel({ storage: 'memory' });
