/**
 * Vats by their sources, bundled with `@vatkit/codegen`: the app has it or has it not, for the sdk does not depend
 * on it.
 */
import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * The content of the bundle of a source file.
 *
 * @param spec - a path, seen from the working directory, or a file URL.
 * @throws Error that says what stands in the way, in the source or of the bundler.
 */
export async function bundleSource(spec: string): Promise<string> {
  const file = sourceFile(spec);
  const { bundleVat, formatBundle } = await importBundler();
  return formatBundle(await bundleVat(file));
}

function sourceFile(spec: string): string {
  if (/^file:/i.test(spec)) return fileURLToPath(spec);
  // One letter is a drive.
  if (!/^[a-z][a-z\d+.-]+:/i.test(spec)) return resolve(spec);
  const shown = spec.slice(0, 100);
  throw new Error(`${shown} is no path or file URL. Bundle it where it is, and give bundleSpec`);
}

/** What we need of `@vatkit/codegen`. */
type Bundler = {
  bundleVat: (entry: string) => Promise<unknown>;
  formatBundle: (bundle: unknown) => string;
};

/**
 * The app's own bundler, else one beside this package, else one of the working directory. Not one that lies by the
 * source: who wrote a vat must not choose code that runs outside of it.
 */
async function importBundler(): Promise<Bundler> {
  const [, script] = process.argv;
  const places = [mainScript(script), import.meta.url, join(process.cwd(), 'app.js')];
  for (const place of places) {
    if (place === undefined) continue;
    let entry: string;
    try {
      entry = createRequire(place).resolve('@vatkit/codegen');
    } catch {
      continue;
    }
    return (await import(/* @vite-ignore */ pathToFileURL(entry).href)) as Bundler;
  }
  throw new Error(
    'sourceSpec needs the package @vatkit/codegen, which is not installed. ' +
      'Run `npm install @vatkit/codegen`, or bundle the vat before and give bundleSpec',
  );
}

/** A program in `node_modules/.bin` is a link to where its package is. */
function mainScript(script: string | undefined): string | undefined {
  try {
    return script && realpathSync(script);
  } catch {
    return undefined;
  }
}
