/** The modules that a worker's runtime provides to `vatkit` bundles: one hardened copy, which holds no state. */
import * as eventualSend from '@endo/eventual-send';
import * as exo from '@endo/exo';
import * as far from '@endo/far';
import * as marshal from '@endo/marshal';
import * as passStyle from '@endo/pass-style';
import * as patterns from '@endo/patterns';
import * as promiseKit from '@endo/promise-kit';
import type { RUNTIME_MODULES, RUNTIME_STAND_INS } from '../protocol/runtime-abi.js';
import * as vat from './author-api.js';
import { makeScalarMapStore, makeScalarSetStore } from './scalar-stores.js';

type ModuleName = (typeof RUNTIME_MODULES)[number] | (typeof RUNTIME_STAND_INS)[number];

/** A module's namespace as the plain record that a bundle may read, which unlike a namespace can be hardened. */
const copy = (namespace: object): Record<string, unknown> => ({ ...namespace });

export function makeRuntimeModules(): Readonly<Record<ModuleName, Record<string, unknown>>> {
  const { makeExo, defineExoClass, defineExoClassKit } = vat;
  const { makeDefaultExo, makeDefaultInterface, makeDiscoverableExo, GET_DESCRIPTION, S } = vat;
  const { makeExoGenerator, makeEventualIterator } = vat;
  return harden({
    '@vatkit/sdk/vat': copy(vat),
    '@endo/eventual-send': copy(eventualSend),
    // Ours say where a result cannot pass.
    '@endo/exo': { ...exo, makeExo, defineExoClass, defineExoClassKit },
    '@endo/far': copy(far),
    '@endo/marshal': copy(marshal),
    '@endo/pass-style': copy(passStyle),
    '@endo/patterns': copy(patterns),
    '@endo/promise-kit': copy(promiseKit),
    '@metamask/kernel-utils/exo': { makeDefaultExo, makeDefaultInterface, makeDiscoverableExo },
    '@metamask/kernel-utils/discoverable': { makeDiscoverableExo, GET_DESCRIPTION, S },
    '@ocap/remote-iterables': { makeExoGenerator, makeEventualIterator },
    '@agoric/store': { ...patterns, makeScalarMapStore, makeScalarSetStore },
  });
}
