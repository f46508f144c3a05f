/**
 * The names by which objects and promises, and those who hold them, are told apart.
 *
 *     kref   ko4  kp40      the kernel's name for an object, a promise. Objects count from ko1 (the
 *                           kernel's own services), promises from kp40: never confused in a log.
 *     vref   o+0            an endpoint's own name: the root of a vat
 *            o+5  o-5       an object that it exported (+), imported (-)
 *            p+5  p-5       a promise that it made, that it was given
 *            o+d2/7         a durable object: instance 7 of the vat's durable kind 2
 *     endpoint  v1 vat, r1 remote peer, c1 client session, h1 the host realm (its objects are the services),
 *               k1 the kernel itself (its objects are caveats and their revokers; it has no c-list)
 *     subcluster  s1
 *
 * No id of any kind is ever used twice, over incarnations, upgrades and resets.
 */

export type KRef = string;
export type VRef = string;
export type VatId = string;
export type EndpointId = string;
export type SubclusterId = string;

/** The object that `buildRootObject` returned. */
export const ROOT_VREF: VRef = 'o+0';
/** The endpoint whose objects are the kernel services. */
export const HOST_REALM: EndpointId = 'h1';

/** The owner of what the kernel itself answers for: caveats, their revokers, and their maker. */
export const KERNEL_REALM: EndpointId = 'k1';
/** The object that makes caveats, the same in every store, and every vat's own name for it. */
export const CAVEAT_MAKER: KRef = 'ko0';
export const CAVEAT_MAKER_VREF: VRef = 'o-0';

const krefForm = /^k[op](?:0|[1-9]\d*)$/;
const vrefForm = /^(?:[op][+-](?:0|[1-9]\d*)|o\+d[1-9]\d*\/[1-9]\d*(?::\d+)?)$/;
const vatIdForm = /^v[1-9]\d*$/;
const subclusterIdForm = /^s[1-9]\d*$/;

export const isKRef = (value: unknown): value is KRef =>
  typeof value === 'string' && krefForm.test(value);
export const isVRef = (value: unknown): value is VRef =>
  typeof value === 'string' && vrefForm.test(value);
export const isVatId = (value: unknown): value is VatId =>
  typeof value === 'string' && vatIdForm.test(value);
export const isSubclusterId = (value: unknown): value is SubclusterId =>
  typeof value === 'string' && subclusterIdForm.test(value);

/** Of a kref: is it a promise's? */
export const isPromiseKRef = (kref: KRef): boolean => kref.startsWith('kp');
/** Of a vref: is it a promise's? */
export const isPromiseVRef = (vref: VRef): boolean => vref.startsWith('p');
/** Of a vref: did the endpoint itself export it? */
export const isExportVRef = (vref: VRef): boolean => vref[1] === '+';
/** Of a vref of a session: `5` of `o-5`. */
export const numberOf = (vref: VRef): number => Number(vref.slice(2));
/** Of a vref: a durable object, which survives its incarnation. */
export const isDurableVRef = (vref: VRef): boolean => vref.startsWith('o+d');
/** Of an endpoint: is it a client session? */
export const isSessionEndpoint = (endpoint: EndpointId): boolean => endpoint.startsWith('c');
/** Of an endpoint: is it a remote peer? */
export const isRemoteEndpoint = (endpoint: EndpointId): boolean => endpoint.startsWith('r');
/** Of an endpoint: is it a vat? */
export const isVatEndpoint = (endpoint: EndpointId): boolean => endpoint.startsWith('v');
