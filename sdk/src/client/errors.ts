/** Errors as the client's callers get them. */
import { KernelError, isKernelErrorCode, type KernelErrorOptions } from '../errors.js';
import type { WireError } from '../protocol/session-wire.js';

/** The kernel's worker did not start, or speaks another protocol; the message says what to do. Code WORKER_START_FAILED. */
export class WorkerStartError extends KernelError {
  override readonly name = 'WorkerStartError';
  constructor(message: string, options?: KernelErrorOptions) {
    super('WORKER_START_FAILED', message, options);
  }
}

/** The client was closed, or its kernel has gone and does not come back. Code KERNEL_CLOSED. */
export class KernelClosedError extends KernelError {
  override readonly name = 'KernelClosedError';
  constructor(message: string, options?: KernelErrorOptions) {
    super('KERNEL_CLOSED', message, options);
  }
}

/** A code of a newer kernel is still an error. */
export function errorOfWire({ code, message, data, cause }: WireError): Error {
  const options: KernelErrorOptions = { data };
  if (cause !== undefined) {
    const { stack } = cause;
    options.cause = Object.assign(new Error(cause.message), {
      name: cause.name,
      ...(stack !== undefined && { stack }),
    });
  }
  return isKernelErrorCode(code)
    ? new KernelError(code, message, options)
    : Object.assign(new Error(message, options), { code });
}
