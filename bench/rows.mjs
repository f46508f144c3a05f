/** Rows of the table. `key` names one within its group; `options.peer` is what another system reached elsewhere. */
export const floor = (key, label, options) => ({ key, label, ...options });

/** @param on - the key of the floor that it is compared with. */
export const ours = (key, label, on, options) => ({
  key,
  label,
  floor: on,
  ours: true,
  ...options,
});
