import type { LockdownOptions } from 'ses';

/**
 * How a worker's realm is tamed.
 *
 * `errorTaming: 'unsafe'` keeps the values in Endo's error messages (guards say what they were given) and leaves
 * `err.stack` readable; stacks.ts then takes out of it whatever is not the vat's own. Trapping is off because the
 * runtime itself reports uncaught rejections, to the host, with the vat's name.
 */
export const lockdownOptions: LockdownOptions = {
  errorTaming: 'unsafe',
  consoleTaming: 'unsafe',
  overrideTaming: 'severe',
  domainTaming: 'unsafe',
  errorTrapping: 'none',
  unhandledRejectionTrapping: 'none',
  reporting: 'none',
};
