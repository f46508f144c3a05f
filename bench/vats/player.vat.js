import { E, makeDefaultExo } from '@vatkit/sdk/vat';

export function buildRootObject() {
  let partner;
  const player = makeDefaultExo('player', {
    async bootstrap({ player1 }) {
      partner = player1;
      await E(partner).meet(player);
    },
    meet(other) {
      partner = other;
    },
    answer() {
      return 42;
    },
    /** Asks the partner and waits for its answer, `count` times. */
    async ask(count) {
      for (let i = 0; i < count; i += 1) await E(partner).answer();
    },
    /** Asks the partner `count` times before it waits. */
    async askAtOnce(count) {
      await Promise.all(Array.from({ length: count }, () => E(partner).answer()));
    },
    /** The ball goes back and forth; who gets it last answers. */
    pass(count) {
      return count === 0 ? 'done' : E(partner).pass(count - 1);
    },
  });
  return player;
}
