/** Kernel services: objects of this process, or of a vat, that subclusters get by name in `bootstrap`. */
import { builtInServices } from '../kernel/kernel.js';
import { limits } from '../limits.js';
import { describe } from '../protocol/describe.js';
import { isStandIn } from '../protocol/kernel-values.js';
import type { KRef } from '../protocol/refs.js';
import type { RequestEvent } from './event-loop.js';
import { methodNames, type HostObjects } from './host-realm.js';
import type { KernelService } from './kernel-types.js';

export type KernelServices = {
  /** @throws TypeError for a name or an object that cannot be a service. */
  register(name: string, service: object, systemOnly: boolean): KernelService;
  /** One of the kernel's own. */
  registerBuiltIn(name: string, service: object, systemOnly: boolean): void;
  /** Those of this process, once more, after all rows of the store were deleted. */
  registerAllAgain(): void;
};

export function makeKernelServices(
  objects: HostObjects,
  requestNow: (event: RequestEvent) => unknown,
): KernelServices {
  const ofThisProcess = new Map<string, KernelService>();

  const registerObject = (name: string, service: object, systemOnly: boolean): KernelService => {
    const { kref, vref } = requestNow({
      type: 'register-service',
      name,
      vref: objects.exportObject(service),
      systemOnly,
    }) as { kref: KRef; vref: string };
    objects.bind(vref, service);
    const registered = { name, kref, service, systemOnly };
    ofThisProcess.set(name, registered);
    return registered;
  };

  return {
    register(name, service, systemOnly) {
      checkName(name);
      if (!isStandIn(service)) {
        checkObject(name, service);
        return registerObject(name, service, systemOnly);
      }
      const { kref } = service;
      requestNow({ type: 'register-service', name, kref, systemOnly });
      // A vat's object: after a reset there is nothing to register again.
      ofThisProcess.delete(name);
      return { name, kref, service, systemOnly };
    },
    registerBuiltIn: registerObject,
    registerAllAgain() {
      for (const { name, service, systemOnly } of [...ofThisProcess.values()]) {
        objects.forget(service);
        registerObject(name, service, systemOnly);
      }
    },
  };
}

function checkName(name: unknown): asserts name is string {
  if (typeof name !== 'string' || name === '' || name.length > limits.configNameCharsMax) {
    throw new TypeError(
      `a kernel service's name is text of 1 to ${limits.configNameCharsMax} characters; found ${describe(name)}`,
    );
  }
  if (/[\p{Cc}\p{Cs}]/u.test(name)) {
    throw new TypeError(
      `a kernel service's name has no control characters; found ${JSON.stringify(name)}`,
    );
  }
  if (builtInServices.some((builtIn) => builtIn.name === name)) {
    throw new TypeError(`Kernel service "${name}" is already registered: it is the kernel's own`);
  }
}

function checkObject(name: string, service: unknown): void {
  if (typeof service !== 'object' || service === null || methodNames(service).length === 0) {
    throw new TypeError(
      `kernel service ${JSON.stringify(name)} takes an object with methods; found ${describe(service)}`,
    );
  }
}
