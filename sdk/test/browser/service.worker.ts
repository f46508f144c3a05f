/** A kernel's worker with a service of its own. */
import { serveKernel } from '@vatkit/sdk/worker';

serveKernel({ services: { greeter: { greet: (name: string) => `good day, ${name}` } } });
