/** Errors as the client's callers get them. */
import { KernelError, isKernelErrorCode, withName } from '../errors.js';
import type { WireError } from '../protocol/session-wire.js';

/** The kernel's worker did not start, or speaks another protocol; the message says what to do. */
export const workerStartError = (message: string, cause: unknown): KernelError =>
  withName(new KernelError('WORKER_START_FAILED', message, { cause }), 'WorkerStartError');

/** The client was closed, or its kernel has gone and does not come back. */
export const kernelClosedError = (message: string, cause?: unknown): KernelError =>
  withName(new KernelError('KERNEL_CLOSED', message, { cause }), 'KernelClosedError');

/** Another tab has the kernel from now on, or this one: the session goes on there. */
export class KernelMoved extends Error {}

/** A code of a newer kernel is still an error. */
export function errorOfWire({ code, message, data, cause: flat }: WireError): Error {
  const cause =
    flat &&
    withName(
      Object.assign(new Error(flat.message), flat.stack && { stack: flat.stack }),
      flat.name,
    );
  if (isKernelErrorCode(code)) {
    const error = new KernelError(code, message, { data, cause });
    return code === 'INTERFACE_MISMATCH' ? withName(error, 'InterfaceMismatchError') : error;
  }
  return Object.assign(new Error(message, { cause }), { code });
}
