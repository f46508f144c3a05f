/**
 * For authors of vats: remote calls, exos, guards, durable state.
 *
 * A `vatkit` bundle does not contain this module, its worker provides it. It can also be imported on Node, to test
 * a vat's code by itself; that adds the globals `assert` and `HandledPromise`.
 *
 * @module
 */
import '../vat/provide-globals.js';

export { E, type ERef, type FarRef } from '@endo/eventual-send';
export { M, matches, mustMatch, makeCopyMap, makeCopySet } from '@endo/patterns';
export type { InterfaceGuard, MethodGuard, Pattern } from '@endo/patterns';
export { Far, getInterfaceOf, makeTagged, passStyleOf } from '@endo/pass-style';
export type { Passable } from '@endo/pass-style';
export {
  defineExoClass,
  defineExoClassKit,
  GET_DESCRIPTION,
  makeDefaultExo,
  makeDefaultInterface,
  makeDiscoverableExo,
  makeExo,
  prepareExo,
  prepareExoClass,
  prepareExoClassKit,
} from '../vat/exo.js';
export type { ClassContext, ExoMethods, KitContext, MethodSchema, PrepareOptions } from '../vat/exo.js';
export { S } from '../vat/described.js';
export type { Described, DescribedInterface, DescribedMethod, NamedArg } from '../vat/described.js';
export type { Baggage } from '../vat/baggage.js';
export type { Logger } from '../vat/vat-log.js';
export type { VatPowers } from '../vat/vat-powers.js';
