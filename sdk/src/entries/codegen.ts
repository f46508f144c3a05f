/**
 * What generated code is made of, and subclusters composed of it.
 *
 * @module @vatkit/sdk/codegen
 */
export { defineInterface, defineSubcluster, defineVat, vat } from '../codegen-runtime/define.js';
export type {
  InterfaceTag,
  MethodTable,
  SubclusterOptions,
  VatDefinition,
  VatEntry,
  VatGrants,
  VatNeeds,
} from '../codegen-runtime/define.js';
export type * from '../protocol/remote.js';
export type { VatRoot } from '../codegen-runtime/vat-root.js';
export { interfaceInfoKey } from '../protocol/definition.js';
export { interfaceDifferences } from '../protocol/interface-differences.js';
export type {
  InterfaceDefinition,
  InterfaceInfo,
  MethodDescriptor,
  MethodKind,
  SubclusterDefinition,
} from '../protocol/definition.js';
