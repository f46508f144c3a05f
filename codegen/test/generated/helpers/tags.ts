import { makeExo } from '@vatkit/sdk/vat';

/** A tag, which lives on the heap. */
export const makeTag = (name: string) =>
  makeExo('tag', undefined, {
    /** What it is called. */
    name: () => name,
    /** A tag of another name. */
    renamed: (other: string): ReturnType<typeof makeTag> => makeTag(other),
  });
