/**
 * Hardens the realm. The first import of a worker's entry: every @endo module that is loaded before it refuses to
 * be hardened later. `HandledPromise` is added before the lockdown so that it becomes one of the intrinsics.
 */
import 'ses';
import '@endo/eventual-send/shim.js';
import { lockdownOptions } from './lockdown-options.js';

lockdown(lockdownOptions);

/** Imported by value, so that a bundler which trusts `sideEffects: false` keeps this module. */
export const isLockedDown = true;
