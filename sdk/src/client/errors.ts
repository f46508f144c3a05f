/** Errors as the client's callers get them. */
import { KernelError, isKernelErrorCode } from '../errors.js';
import type { WireError } from '../protocol/session-wire.js';

/** The kernel's worker did not start, or speaks another protocol; the message says what to do. */
export const workerStartError = (message: string, cause: unknown): KernelError =>
  named('WorkerStartError', new KernelError('WORKER_START_FAILED', message, { cause }));

/** The client was closed, or its kernel has gone and does not come back. */
export const kernelClosedError = (message: string, cause?: unknown): KernelError =>
  named('KernelClosedError', new KernelError('KERNEL_CLOSED', message, { cause }));

/** Another tab has the kernel from now on, or this one: the session goes on there. */
export class KernelMoved extends Error {}

const named = <Err extends Error>(name: string, error: Err): Err =>
  Object.defineProperty(error, 'name', { value: name });

/** A code of a newer kernel is still an error. */
export function errorOfWire({ code, message, data, cause: flat }: WireError): Error {
  const cause =
    flat &&
    named(flat.name, Object.assign(new Error(flat.message), flat.stack && { stack: flat.stack }));
  if (isKernelErrorCode(code)) {
    const error = new KernelError(code, message, { data, cause });
    return code === 'INTERFACE_MISMATCH' ? named('InterfaceMismatchError', error) : error;
  }
  return Object.assign(new Error(message, { cause }), { code });
}
