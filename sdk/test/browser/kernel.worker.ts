/** A kernel in a dedicated worker, wired by hand as the guide does it; its methods are called by message. */
import { makeSQLKernelDatabase, PlatformServicesClient } from '@vatkit/sdk/browser';
import { Kernel, kslot, kunser, type KernelOptions } from '@vatkit/sdk/kernel';

export type KernelRequest =
  | { make: { dbFilename?: string; options?: KernelOptions } }
  | { call: string; args: unknown[] }
  /** Sends a message and reads the answer; `{ kref }` in the arguments is a reference. */
  | { queue: [target: string, method: string, args: unknown[]] };
export type KernelAnswer =
  { value: unknown } | { error: { code?: string; name: string; message: string } };

let kernel: Kernel | undefined;

async function perform(request: KernelRequest): Promise<unknown> {
  if ('make' in request) {
    const { options, ...database } = request.make;
    const store = await makeSQLKernelDatabase(database);
    kernel = await Kernel.make(await PlatformServicesClient.make(globalThis), store, options ?? {});
    return store.storage;
  }
  if (kernel === undefined) throw new Error('there is no kernel yet');
  if ('queue' in request) {
    const [target, method, args] = request.queue;
    const passed = args.map((arg) => {
      const kref = (arg as { kref?: string } | null)?.kref;
      return kref === undefined ? arg : kslot(kref);
    });
    return kunser(await kernel.queueMessage(target, method, passed));
  }
  const methods = kernel as unknown as Record<string, (...args: unknown[]) => unknown>;
  return methods[request.call]?.(...request.args);
}

onmessage = async ({ data: [id, request] }: MessageEvent<[number, KernelRequest]>) => {
  try {
    postMessage([id, { value: await perform(request) }]);
  } catch (thrown) {
    const { code, name, message } = thrown as Error & { code?: string };
    postMessage([id, { error: { ...(code && { code }), name, message } }]);
  }
};
