/**
 * Makes node_modules and dist fit the checked-out sources; when they do, does and prints nothing.
 *
 *     node scripts/setup.mjs             what every root script does first
 *     node scripts/setup.mjs --install   packages only
 *     node scripts/setup.mjs --build     builds even when the build is fresh
 *
 * Depends on nothing: it is what installs the dependencies.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  linkSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);

const stampFile = 'node_modules/.vatkit-setup.json';
/** Not in node_modules, which `npm ci` removes. */
const lockFile = '.setup.lock';
const packages = ['sdk', 'codegen', 'react'];
const outputs = packages.map((dir) => `${dir}/dist`);

const say = (text) => console.log(`setup: ${text}`);

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function walk(path) {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => walk(join(path, name)));
}

function hashOf(paths) {
  const hash = createHash('sha256');
  for (const file of paths.flatMap(walk)) {
    if (!/\.test\.tsx?$/.test(file)) hash.update(`${file}\0`).update(readFileSync(file));
  }
  return hash.digest('hex');
}

/** By content, since a checkout or a copy changes the times of files that it leaves the same. */
const wanted = () => ({
  install: `${hashOf(['package-lock.json'])} node ${process.versions.modules} ${process.platform}`,
  build: hashOf([
    'package-lock.json',
    'rollup.config.mjs',
    'tsconfig.json',
    ...packages.flatMap((dir) => [`${dir}/package.json`, `${dir}/tsconfig.json`, `${dir}/src`]),
  ]),
});

const stamp = () => readJson(stampFile) ?? {};
const record = (change) => writeFileSync(stampFile, JSON.stringify({ ...stamp(), ...change }));

/** Whether an `npm ci` or `npm install` by hand has left just what the lockfile asks for. */
function installedByHand() {
  const installed = readJson('node_modules/.package-lock.json')?.packages;
  if (!installed) return false;
  const same = Object.entries(readJson('package-lock.json').packages).every(
    ([path, { version, optional, peer, link }]) =>
      !path.includes('node_modules/') ||
      link ||
      installed[path]?.version === version ||
      ((optional || peer) && !installed[path]),
  );
  if (!same) return false;
  try {
    // Compiled for one version of Node, so that another one's node_modules does not serve.
    new (createRequire(import.meta.url)('better-sqlite3'))(':memory:').close();
    return true;
  } catch {
    return false;
  }
}

function run(command, args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    shell: process.platform === 'win32',
  });
  if (status === 0) return;
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`);
  const why = error?.message ?? `status ${status}`;
  throw new Error(`${[command, ...args].join(' ')} failed: ${why}`);
}

function install(goal) {
  if (!installedByHand()) {
    say('installing the packages of package-lock.json (a minute or two) ...');
    run('npm', ['ci', '--include=dev', '--no-progress']);
  }
  record({ install: goal.install });
}

function build(goal) {
  say(`building ${packages.join(', ')} ...`);
  record({ build: undefined });
  const start = Date.now();
  run(process.execPath, ['node_modules/rollup/dist/bin/rollup', '-c', '--silent']);
  // What the build did not write belongs to a source that is gone. Only now, so that a build that
  // fails leaves the last good one.
  for (const file of outputs.flatMap(walk)) if (statSync(file).mtimeMs < start - 50) rmSync(file);
  record({ build: goal.build });
}

const alive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
};

/** One setup at a time in this folder; one that was killed does not block the next. */
async function locked(action) {
  const mine = `${lockFile}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    for (let told = false; ; await sleep(200)) {
      try {
        linkSync(mine, lockFile);
        break;
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
      const owner = Number(readJson(lockFile));
      if (owner && !alive(owner)) takeAway(owner);
      else if (!told) {
        say(`waiting for another setup (process ${owner}) ...`);
        told = true;
      }
    }
    try {
      return action();
    } finally {
      rmSync(lockFile, { force: true });
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Removes a dead owner's lock. Another waiter may have been quicker: then it is a living one's, and goes back. */
function takeAway(owner) {
  const taken = `${lockFile}.${process.pid}.taken`;
  try {
    renameSync(lockFile, taken);
    if (Number(readJson(taken)) !== owner) linkSync(taken, lockFile);
  } catch {
    // Someone else took it first: the next round sees.
  }
  for (const left of [taken, `${lockFile}.${owner}`]) rmSync(left, { force: true });
}

const installOnly = process.argv.includes('--install');
const forceBuild = process.argv.includes('--build');

function todo() {
  const goal = wanted();
  const { install: installed, build: built } = stamp();
  const mustInstall = installed !== goal.install;
  const mustBuild =
    !installOnly &&
    (forceBuild || built !== goal.build || !outputs.every((dir) => existsSync(dir)));
  return { goal, mustInstall, mustBuild };
}

const isFresh = ({ mustInstall, mustBuild }) => !mustInstall && !mustBuild;

if (!isFresh(todo())) {
  try {
    await locked(() => {
      const first = todo();
      if (first.mustInstall) install(first.goal);
      const { goal, mustBuild } = todo();
      if (mustBuild) build(goal);
    });
  } catch (error) {
    console.error(`setup: ${error.message}`);
    process.exitCode = 1;
  }
}
