/** What Node itself loads in a test run gets React 18 in place of React 19; what Vite loads, by its aliases. */
import Module from 'node:module';

const resolve = Module._resolveFilename;
Module._resolveFilename = (request, ...rest) =>
  resolve(request.replace(/^react(-dom)?(?=$|\/)/, 'react$1-18'), ...rest);
