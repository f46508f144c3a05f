/** The vat runtime in a realm that is not locked down, as tests have it: nothing confines what runs here. */
import './install-harden.js';

export { makeVatRuntime } from './vat-runtime.js';
