import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Builds before the tests, for `npx vitest`. A build that fails does not stop the unit tests, which
 * need none, but is told at both ends of the run. VATKIT_NO_SETUP=1 leaves it out.
 */
export default function setup() {
  if (process.env.VATKIT_NO_SETUP) return undefined;
  const script = fileURLToPath(new URL('setup.mjs', import.meta.url));
  const { status } = spawnSync(process.execPath, [script], { stdio: 'inherit' });
  if (status === 0) return undefined;
  const warn = () =>
    console.error('WARNING: the build failed; tests that use dist saw an older one, or none');
  warn();
  return warn;
}
