/** `buildRootObject`'s first argument. */
import type { CapData } from '../protocol/capdata.js';
import type { VRef } from '../protocol/refs.js';
import type { FromVat } from '../protocol/vat-wire.js';
import { cloneLogArguments } from './log-text.js';
import type { SyscallLog } from './syscall-log.js';
import type { Logger } from './vat-log.js';

/** What every vat may do besides calling what it was given. */
export type VatPowers = {
  /** Reaches the kernel's logger with the vat's id and tags. */
  readonly logger: Logger;
  /** Writes to the kernel's logger at level `log`, tagged `stdout`. */
  readonly stdout: (...args: unknown[]) => void;
  /** Ends the vat once the running crank is applied. What it decided is rejected; its state is deleted. */
  readonly exit: (completion?: unknown) => void;
  /** Ends the vat and discards the running crank. */
  readonly exitWithFailure: (reason?: unknown) => void;
  /** {@link VatPowers.exit} by its other name. */
  readonly exitVat: (completion?: unknown) => void;
  /** {@link VatPowers.exitWithFailure} by its other name. */
  readonly exitVatWithFailure: (reason?: unknown) => void;
};

export function makeVatPowers(
  post: (message: FromVat) => void,
  logger: Logger,
  syscalls: SyscallLog,
  encode: (value: unknown, label: string) => CapData<VRef>,
): VatPowers {
  const exitAs = (failure: boolean, label: string) => (completion?: unknown) =>
    syscalls.push({ type: 'exit', failure, completion: encode(completion, label) });
  const exit = exitAs(false, 'completion of exit');
  const exitWithFailure = exitAs(true, 'reason of exitWithFailure');
  return harden({
    logger,
    stdout: (...args) =>
      post({ type: 'log', level: 'log', tags: ['stdout'], args: cloneLogArguments(args) }),
    exit,
    exitWithFailure,
    exitVat: exit,
    exitVatWithFailure: exitWithFailure,
  });
}
