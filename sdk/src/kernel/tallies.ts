/** Numbers in memory that follow from rows: counted when they are first asked for, then kept up to date. */
import type { EndpointId } from '../protocol/refs.js';

/** @param count - counts what the rows have of one endpoint. */
export function makeTallies<Tally>(count: (endpoint: EndpointId) => Tally) {
  const known = new Map<EndpointId, Tally>();
  /** Those that the rows of this step have a part in. */
  const touched = new Set<EndpointId>();

  return {
    of(endpoint: EndpointId): Tally {
      let tally = known.get(endpoint);
      if (tally === undefined) {
        known.set(endpoint, (tally = count(endpoint)));
        touched.add(endpoint);
      }
      return tally;
    },

    /** Rows have changed. What was not counted yet will be when it is asked for. */
    change(endpoint: EndpointId, by: (tally: Tally) => Tally): void {
      const tally = known.get(endpoint);
      if (tally === undefined) return;
      known.set(endpoint, by(tally));
      touched.add(endpoint);
    },

    forget: (endpoint: EndpointId): void => void known.delete(endpoint),

    /** A step begins that may be undone. */
    begin: (): void => touched.clear(),
    /** Its rows are undone: only who had a part in it is counted again, which may be long. */
    undo(): void {
      for (const endpoint of touched) known.delete(endpoint);
    },
  };
}
