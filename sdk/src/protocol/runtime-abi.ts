/**
 * What a `vatkit` bundle and a worker's vat runtime have agreed on.
 *
 * Such a bundle is a script that leaves these modules out and finds them as properties of one hardened global:
 * `$vatkit['@endo/eventual-send'].E`. One runtime for each worker, evaluated once, is what lets a vat start in
 * about a millisecond. A runtime runs every bundle of its major version.
 */
export const RUNTIME_ABI = 1;

/** The global by which a `vatkit` bundle finds the runtime's modules. */
export const RUNTIME_GLOBAL = '$vatkit';

/** The global that a `vatkit` or `iife` bundle's script declares: its entry module's exports. */
export const EXPORTS_GLOBAL = '__vatExports__';

/** Modules that the runtime provides to every `vatkit` bundle. */
export const RUNTIME_MODULES = [
  '@vatkit/sdk/vat',
  '@endo/eventual-send',
  '@endo/exo',
  '@endo/far',
  '@endo/marshal',
  '@endo/pass-style',
  '@endo/patterns',
  '@endo/promise-kit',
] as const;

/** Modules of the peer's that resolve to the runtime's where the vat's own package does not have them installed. */
export const RUNTIME_STAND_INS = [
  '@metamask/kernel-utils/exo',
  '@metamask/kernel-utils/discoverable',
  '@ocap/remote-iterables',
  '@agoric/store',
] as const;
