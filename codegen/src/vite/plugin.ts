/** The plugin: generates before Vite reads, swaps in the bundles, and passes edits of vats on to the page. */
import { createHash, randomUUID } from 'node:crypto';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { Plugin, ResolvedConfig, ViteDevServer } from 'vite';
import { formatProblem, type Problem } from '../bundler/problems.js';
import { findVats } from '../cli/find-vats.js';
import {
  generatedNames,
  generateVats,
  writeFiles,
  type GeneratedVat,
} from '../generate/generate.js';
import {
  failedEvent,
  hotImport,
  overlayOfFailure,
  overlayOfProblem,
  pageCode,
  pageModule,
  parseFailure,
  updateEvent,
  type VatUpdate,
} from './hot.js';

export type VatkitPluginOptions = {
  /** Files, folders or globs, relative to Vite's root. Default: every `*.vat.ts` and `*.vat.js`. */
  include?: string[];
  /** As `vatkit generate --guards`. */
  guards?: boolean;
};

/** A vat as it was last generated. */
type KnownVat = {
  name: string;
  entry: string;
  hash: string;
  bundle: string;
  /** The source files that it is made of. */
  parts: readonly string[];
};

/** Where the dev server has bundles; then their hash and name. */
const bundlePath = '@vatkit-bundle';
/** A page may still ask for a bundle of before the last edit. */
const keptBundlesMax = 64;
const bundleUrl = /new URL\('\.\/([^']+\.bundle)', import\.meta\.url\)\.href/;

/**
 * Vite's plugin for apps with vats:
 *
 *     // vite.config.ts
 *     import { vatkit } from '@vatkit/codegen/vite';
 *     export default { plugins: [vatkit()] };
 *
 * The build fails, with all of them, where vats have problems; in development the overlay shows the first.
 */
export function vatkit(options: VatkitPluginOptions = {}): Plugin {
  let config: ResolvedConfig;
  let server: ViteDevServer | undefined;
  /** By the generated module. */
  const vats = new Map<string, KnownVat>();
  const bundles = new Map<string, string>();
  /** The sources of the vats that pages were told of, by the update's id. */
  const updated = new Map<string, string>();
  let generating: Promise<unknown> = Promise.resolve();

  const specOf = ({ hash, entry }: KnownVat): string =>
    `${config.base}${bundlePath}/${hash}/${slashes(relative(config.root, dirname(entry)))}/${bundleName(entry)}`;

  const note = ({ entry, model, files }: GeneratedVat): KnownVat => {
    const bundle = files.find(({ path }) => path.endsWith('.bundle'))?.content ?? '';
    const hash = createHash('sha256').update(bundle).digest('hex').slice(0, 16);
    const known = { name: model.name, entry, hash, bundle, parts: partsOf(bundle, entry) };
    vats.set(generatedNames(entry).code, known);
    bundles.delete(hash);
    bundles.set(hash, bundle);
    for (const old of bundles.keys()) {
      if (bundles.size <= keptBundlesMax) break;
      bundles.delete(old);
    }
    return known;
  };

  const generate = async (): Promise<Problem[]> => {
    const include = (options.include ?? ['.']).map((each) => join(config.root, each));
    const { vats: found } = await findVats(include);
    const generation = await generateVats(
      found.map(({ entry }) => entry),
      { guards: options.guards === true },
    );
    for (const vat of generation.vats) {
      await writeFiles(vat.files);
      note(vat);
    }
    for (const warning of generation.warnings) config.logger.warn(formatProblem(warning));
    return generation.problems;
  };

  /** One at a time: each edit is seen by the pass after it. */
  const inTurn = <Result>(task: () => Promise<Result>): Promise<Result> => {
    const turn = generating.then(task);
    generating = turn.catch(() => undefined);
    return turn;
  };

  const update = async (dev: ViteDevServer): Promise<void> => {
    const before = new Map([...vats].map(([code, { hash }]) => [code, hash]));
    const problems = await generate();
    for (const [code, vat] of vats) {
      if (before.get(code) === vat.hash) continue;
      for (const module of dev.moduleGraph.getModulesByFile(code.replaceAll('\\', '/')) ?? []) {
        dev.moduleGraph.invalidateModule(module);
      }
      const data: VatUpdate = {
        name: vat.name,
        update: randomUUID(),
        bundleSpec: specOf(vat),
      };
      updated.set(data.update, vat.entry);
      dev.ws.send(updateEvent, data);
    }
    const [first] = problems;
    for (const problem of problems) config.logger.error(formatProblem(problem));
    if (first !== undefined) dev.ws.send(overlayOfProblem(first));
  };

  const isPart = (file: string): boolean =>
    /\.vat\.[jt]s$/.test(file) || [...vats.values()].some(({ parts }) => parts.includes(file));

  return {
    name: 'vatkit',
    enforce: 'pre',
    config: () => ({
      // The kernel's worker is a module; what it and wasm load beside them must not be moved by pre-bundling.
      worker: { format: 'es' },
      optimizeDeps: { exclude: ['@vatkit/sdk', '@sqlite.org/sqlite-wasm'] },
    }),
    configResolved(resolved) {
      config = resolved;
    },
    async buildStart() {
      const problems = await inTurn(generate);
      if (problems.length === 0) return;
      const text = problems.map(formatProblem).join('\n');
      if (config.command === 'build') this.error(`Vats with problems:\n${text}`);
      config.logger.error(text);
    },
    configureServer(dev) {
      server = dev;
      const onFile = (file: string): void => {
        if (isPart(resolve(file))) {
          void inTurn(() => update(dev)).catch((error: Error) =>
            config.logger.error(error.message),
          );
        }
      };
      for (const event of ['change', 'add', 'unlink'] as const) dev.watcher.on(event, onFile);
      dev.ws.on(failedEvent, (data: unknown) => {
        const failure = parseFailure(data);
        if (failure === undefined) return;
        const entry = updated.get(failure.update);
        if (entry === undefined) return;
        dev.ws.send(failedEvent, { update: failure.update });
        dev.ws.send(overlayOfFailure(failure, dirname(entry)));
      });
      dev.middlewares.use((request, response, next) => {
        const [, hash] = new RegExp(`/${bundlePath}/(\\w+)/`).exec(request.url ?? '') ?? [];
        const bundle = hash === undefined ? undefined : bundles.get(hash);
        if (bundle === undefined) return next();
        response.setHeader('Content-Type', 'application/json');
        // Named by its content.
        response.setHeader('Cache-Control', 'max-age=31536000, immutable');
        response.end(bundle);
      });
    },
    async resolveId(source, importer) {
      if (source === pageModule) return `\0${pageModule}`;
      if (importer === undefined || !/\.vat(?:\.[jt]s)?(?:\?.*)?$/.test(source)) return null;
      const found = await this.resolve(source, importer, { skipSelf: true });
      const file = found?.id.split('?')[0] ?? '';
      if (!/\.vat\.[jt]s$/.test(file) || /\.vat\.[jt]s$/.test(importer)) return null;
      const gen = basename(generatedNames(file).code);
      return this.error(
        `${relative(config.root, importer)} imports ${basename(file)}, which is a vat: its code runs in the kernel's worker only. Import './${gen}', or its types with 'import type'`,
      );
    },
    load: (id) => (id === `\0${pageModule}` ? pageCode() : null),
    transform(code, id) {
      const file = resolve(id.split('?')[0] ?? '');
      const vat = vats.get(file);
      const [expression] = bundleUrl.exec(code) ?? [];
      if (vat === undefined || expression === undefined) return null;
      if (server !== undefined) {
        // It is no file that Vite could find.
        const spec = `new URL(/* @vite-ignore */ ${JSON.stringify(specOf(vat))}, import.meta.url).href`;
        return { code: code.replace(expression, () => spec) + hotImport, map: null };
      }
      const asset = this.emitFile({
        type: 'asset',
        name: bundleName(vat.entry),
        source: vat.bundle,
      });
      // What Vite puts there may be a path only, and who fetches it is a worker.
      const url = `new URL(import.meta.ROLLUP_FILE_URL_${asset}, import.meta.url).href`;
      return { code: code.replace(expression, () => url), map: null };
    },
  };
}

const bundleName = (entry: string): string => basename(entry).replace(/\.[jt]s$/, '.bundle');

const slashes = (path: string): string => path.replaceAll('\\', '/');

/** The files that the bundle's map names. */
function partsOf(bundle: string, entry: string): string[] {
  const { sourceMap } = JSON.parse(bundle) as { sourceMap?: string };
  const { sources = [] } = JSON.parse(sourceMap ?? '{}') as { sources?: string[] };
  return [entry, ...sources.map((source) => resolve(dirname(entry), source))];
}
