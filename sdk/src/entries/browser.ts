/**
 * What a kernel in a browser's worker is made of, for who wires it by hand.
 *
 * @module @vatkit/sdk/browser
 */
export { PlatformServicesClient, type BrowserScope } from '../host/browser/platform-services.js';
export {
  createCommsQueryString,
  getCommsParamsFromCurrentLocation,
  parseCommsQueryString,
  type CommsQueryOptions,
} from '../host/browser/url-options.js';
export {
  makeSQLKernelDatabase,
  type WasmDatabase,
  type WasmDatabaseOptions,
} from '../store/sqlite-wasm.js';
