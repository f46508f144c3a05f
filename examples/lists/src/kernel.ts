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

/** Goes online, where there is a relay to go to. Gives whether there is. */
export async function goOnline(): Promise<boolean> {
  const { relays } = await config;
  if (relays.length === 0) return false;
  await kernel.admin.initRemoteComms({ relays });
  return true;
}
