/** The Chromium that the tests drive: named by the environment, the system's, or Playwright's own. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chromium } from 'playwright';

export const chromiumArguments = [
  // Tests run as root in containers, where Chromium has no sandbox of its own.
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const systemPaths = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome-stable',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

/** Path of an executable, if there is one. */
export const findChromium = () =>
  [process.env.CHROMIUM, ...systemPaths, chromium.executablePath()].find(
    (path) => path !== undefined && path !== '' && existsSync(path),
  );

/** Vitest's set-up of the browser tests. @throws Error that says what to do where there is no Chromium. */
export default function setup() {
  if (findChromium() !== undefined) return;
  throw new Error(
    'No Chromium was found, and the browser tests need one. Install it (Debian: `apt-get install chromium`; ' +
      'elsewhere: `npx playwright install chromium`) or name it in the environment: CHROMIUM=/path/to/chromium',
  );
}

/** Installs Debian's package where there is none and we may; says nothing where it cannot, since the tests will. */
export function installChromium(say) {
  if (findChromium() !== undefined || process.platform !== 'linux' || process.getuid?.() !== 0)
    return;
  if (!existsSync('/usr/bin/apt-get')) return;
  say("installing Chromium from Debian's packages (half a minute) ...");
  const options = { encoding: 'utf8', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  spawnSync('apt-get', ['update', '-qq'], options);
  const install = ['install', '-y', '-qq', '--no-install-recommends', 'chromium'];
  const { status, stderr } = spawnSync('apt-get', install, options);
  if (status !== 0) say(`apt-get failed: ${stderr}`);
}
