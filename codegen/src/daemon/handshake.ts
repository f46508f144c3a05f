import { bounds } from './bounds.js';
import type { DaemonHome } from './home.js';
import type { ProcessName } from './processes.js';
import { callDaemon, NoAnswer } from './rpc-client.js';

/** What a daemon says of itself to `daemonStatus`. */
export type DaemonInfo = ProcessName & {
  socket: string;
  home: string;
  /** `2026-01-31T12:00:00.000Z` */
  since: string;
};

export type WhoIsThere =
  | { state: 'running'; info: DaemonInfo }
  /** Nobody listens. */
  | { state: 'absent' }
  /** Somebody listens and does not say who it is. */
  | { state: 'silent' };

export async function askWhoIsThere(home: DaemonHome): Promise<WhoIsThere> {
  try {
    const timeoutMs = bounds.handshakeMs;
    const response = await callDaemon(home.socket, 'daemonStatus', undefined, timeoutMs);
    if ('error' in response) return { state: 'silent' };
    return { state: 'running', info: response.result as DaemonInfo };
  } catch (thrown) {
    return { state: thrown instanceof NoAnswer ? thrown.why : 'silent' };
  }
}
