/** The app's kernel: one for each profile, in a worker that its tabs share. */
import { createKernel } from '@vatkit/sdk';

import workerUrl from './kernel.worker.ts?worker&url';

type Config = { relays: string[] };

/** Where the relays are is a matter of the place that the app is deployed to. */
async function readConfig(): Promise<Config> {
  try {
    const response = await fetch('./config.json');
    return (await response.json()) as Config;
  } catch {
    return { relays: [] };
  }
}

export const config = readConfig();

/** `?profile=bob` is another person in the same browser. */
const profile = new URLSearchParams(location.search).get('profile') ?? 'me';

export const kernel = createKernel({
  name: `tandem-${profile}`,
  worker: () => new Worker(workerUrl, { type: 'module' }),
});

/** `off`: there is no relay to go to. `connected`: the relay keeps a place for us, so that others can reach us. */
export type Network = 'connecting' | 'connected' | 'off' | 'failed';

/** Goes online, where no tab has done so, and there is a relay to go to. Gives how it stands. */
export async function goOnline(): Promise<Network> {
  const { relays } = await config;
  if (relays.length === 0) return 'off';
  const { remoteComms } = await kernel.admin.getStatus();
  if (remoteComms.state !== 'connected' && remoteComms.reason === undefined)
    await kernel.admin.initRemoteComms({ relays });
  const isReachable = (remoteComms.listenAddresses ?? []).length > 0;
  return remoteComms.reason !== undefined ? 'failed' : isReachable ? 'connected' : 'connecting';
}
