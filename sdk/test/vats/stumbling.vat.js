/** Throws where its parameters say. */
import { makeDefaultExo } from '@vatkit/sdk/vat';

function stumble(where) {
  throw RangeError(`stumbled in ${where}`);
}

export function buildRootObject(vatPowers, { where }) {
  if (where === 'build') stumble(where);
  return makeDefaultExo('root', {
    bootstrap() {
      if (where === 'bootstrap') stumble(where);
    },
  });
}
