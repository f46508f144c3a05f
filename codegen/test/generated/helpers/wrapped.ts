import { makeDefaultExo } from '@vatkit/sdk/vat';

/** A maker of this vat's own. */
export const exo = <Methods extends Record<string, (...args: never[]) => unknown>>(
  name: string,
  methods: Methods,
): Methods => makeDefaultExo(name, methods);
