/** All that `@vatkit/sdk/vat` exports: to vat authors, and by the runtime to their bundles. */
import './provide-globals.js';

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
} from './exo.js';
export type { ClassContext, KitContext, MethodSchema, PrepareOptions } from './exo.js';
export { iterate, makeEventualIterator, makeExoGenerator, makeExoIterator } from './iterables.js';
export type { ExoIterator, IteratorStep, Update } from './iterables.js';
export { makeTopic, prepareTopic } from './topic.js';
export type { Publisher, Subscriber, Topic } from './topic.js';
export { makeBytes, readBytes, type Bytes } from './bytes.js';
export { kernelErrorCode } from './kernel-error-code.js';
export type { KernelErrorCode } from '../errors.js';
export { S } from './described.js';
export type { Described, DescribedInterface, DescribedMethod, NamedArg } from './described.js';
export type { Baggage } from './baggage.js';
export type { Logger } from './vat-log.js';
export type { Caveat, VatPowers } from './vat-powers.js';
export type { CaveatLimits } from '../protocol/caveat-limits.js';
