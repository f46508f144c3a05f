/** The limits that a kernel may be given in place of the defaults. */
import { limits, type Limits } from '../limits.js';
import { describe } from '../protocol/describe.js';

/** Those of {@link limits} that may differ from kernel to kernel; their meaning and units stand there. */
const kernelLimitNames = [
  'deliveryAttemptsMax',
  'failuresMax',
  'notifyBatchMax',
  'queueMax',
  'queueCharsMax',
  'chargedMessagesMax',
  'deliveriesPerReap',
  'collectBatch',
  'deliveriesAheadMax',
  'reapIdleMs',
  'vatsLiveMax',
  'stopTimeoutMs',
  'vatUnresponsiveMs',
  'serviceWaitMs',
  'sessionFramesMax',
  'sessionFrameCharsMax',
  'sessionsMax',
  'sessionRefsMax',
  'sessionGraceMs',
  'peerRefsMax',
  'peerGivenMax',
  'peerQueueCharsMax',
  'peersMax',
  'peerTimeoutMs',
] as const satisfies readonly (keyof Limits)[];

export type KernelLimits = Pick<Limits, (typeof kernelLimitNames)[number]>;

/** @throws TypeError or RangeError that names a limit that there is not, or a value that it cannot have. */
export function checkLimits(given: Partial<KernelLimits> = {}): KernelLimits {
  const known: readonly string[] = kernelLimitNames;
  for (const [name, value] of Object.entries(given)) {
    if (!known.includes(name)) {
      throw new TypeError(
        `limits.${name} does not exist; a kernel's limits are ${known.join(', ')}`,
      );
    }
    if (value !== undefined && !(Number.isSafeInteger(value) && Number(value) >= 0)) {
      throw new RangeError(
        `limits.${name} takes a whole number from 0; found ${describe(value)} ${String(value)}`,
      );
    }
  }
  return Object.fromEntries(
    kernelLimitNames.map((name) => [name, given[name] ?? limits[name]]),
  ) as KernelLimits;
}
