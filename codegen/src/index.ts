/**
 * Bundler and generator of clients, as functions. The program is `vatkit`.
 *
 * @module @vatkit/codegen
 */
export {
  BUNDLE_FORMATS,
  bundleVat,
  bundleVatFile,
  defaultOutput,
  formatBundle,
  type BundleFileOptions,
  type BundleOptions,
  type WrittenBundle,
} from './bundler/bundle-vat.js';
export {
  generateVats,
  writeFiles,
  type GeneratedFile,
  type GeneratedVat,
  type GenerateOptions,
  type Generation,
} from './generate/generate.js';
export type * from './generate/model.js';
export { MODEL_VERSION } from './generate/model.js';
export { BundleError, formatProblem, type Problem } from './bundler/problems.js';
export {
  startBundleServer,
  type BundleServer,
  type BundleServerOptions,
} from './serve/bundle-server.js';
