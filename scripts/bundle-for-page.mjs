/** For tests in a page, which has no bundler: the content of a bundle, made by Node's side of vitest. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const vats = fileURLToPath(new URL('../sdk/test/vats', import.meta.url));
const bundles = new Map();

/** A command of vitest's browser mode: `commands.bundleOf('keeper.vat.js')`. */
export function bundleOf(_context, name) {
  let bundle = bundles.get(name);
  if (bundle === undefined) {
    // The build may come after this file is loaded.
    bundle = import('@vatkit/codegen').then(async ({ bundleVat, formatBundle }) =>
      formatBundle(await bundleVat(join(vats, name))),
    );
    bundles.set(name, bundle);
  }
  return bundle;
}
