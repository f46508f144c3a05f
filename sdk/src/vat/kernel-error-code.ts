import { parseKernelErrorText, type KernelErrorCode } from '../errors.js';

/**
 * The code of an error that the kernel made: `VAT_TERMINATED`; `undefined` of any other. Vats see such an error as
 * a plain one, because errors with properties of their own cannot be passed on.
 */
export const kernelErrorCode = (error: unknown): KernelErrorCode | undefined =>
  error instanceof Error ? parseKernelErrorText(error.message)?.code : undefined;
