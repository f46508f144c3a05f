/**
 * What a kernel does, in a panel over the page.
 *
 * @module @vatkit/react/devtools
 */
export { KernelDevtools } from './kernel-devtools.js';
export type { KernelDevtoolsProps } from './kernel-devtools.js';
