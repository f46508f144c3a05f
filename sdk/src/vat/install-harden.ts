/**
 * What vat code expects of its realm, installed without a lockdown: `assert`, `HandledPromise` and `harden`. To be
 * imported before the runtime.
 */
import './provide-globals.js';
import { Far } from '@endo/pass-style';
import { hardenNow } from './harden-now.js';

// Endo's modules settle on one harden at their first use, which is found where they keep it.
Far('first use', {});
(globalThis as { harden?: unknown }).harden ??= hardenNow;
