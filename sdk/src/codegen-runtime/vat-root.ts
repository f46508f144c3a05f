/** Types without generated code: straight from a vat's source. */

/** Methods that the kernel calls, and by which exos describe themselves. */
type NotForCallers =
  'bootstrap' | 'upgraded' | '__getInterfaceGuard__' | '__interfaceGuard__' | '__getMethodNames__';

/**
 * The interface of a vat's root as its source has it, for `launch` of a plain configuration:
 *
 *     import type { buildRootObject } from './todo.vat.js';
 *     const { root } = await kernel.launch<VatRoot<typeof buildRootObject>>(config);
 *
 * The vat's types are then part of the page's program; generated code keeps them apart.
 */
export type VatRoot<Build extends (...args: never[]) => unknown> =
  // Not a mapping of names, after which editors would not know where a method is defined.
  Pick<Root<Build>, Exclude<keyof Root<Build> & string, NotForCallers>>;

// Not ReturnType, which makes `any` of one that takes a `never`.
type Root<Build> = Build extends (...args: never[]) => infer Result ? Awaited<Result> : never;
