/**
 * For authors of vats: remote calls, exos, guards, durable state.
 *
 * A `vatkit` bundle does not contain this module, its worker provides it. It can also be imported on Node, to test
 * a vat's code by itself; that adds the globals `assert` and `HandledPromise`.
 *
 * @module @vatkit/sdk/vat
 */
export * from '../vat/author-api.js';
