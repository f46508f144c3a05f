/**
 * `@vatkit/react/devtools`: what a kernel does, in a panel over the page.
 *
 * @module
 */
export { KernelDevtools } from './kernel-devtools.js';
export type { KernelDevtoolsProps } from './kernel-devtools.js';
