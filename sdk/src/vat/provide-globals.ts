/**
 * What Endo's modules expect to find: `assert` and `HandledPromise`. A worker has them already; where a vat's module
 * is loaded for a test of its own, without a lockdown, they are added.
 */
import 'ses/assert-shim.js';
import '@endo/eventual-send/shim.js';
