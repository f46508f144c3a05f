import { serveKernel } from '@vatkit/sdk/worker';

serveKernel({ storage: 'memory' });
