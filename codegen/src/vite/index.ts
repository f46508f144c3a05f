/**
 * Generated code and bundles that are always fresh, in development and in the build.
 *
 * @module @vatkit/codegen/vite
 */
export { vatkit, type VatkitPluginOptions } from './plugin.js';
export type { VatFailure, VatUpdate } from './hot.js';
