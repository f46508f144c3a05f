/**
 * Work of many, a piece of each in turn, with room for other events in between: one that has much to do must not keep
 * the others waiting, nor the loop.
 */

/** Pieces that are done before other events have their turn. */
const piecesMax = 64;

/** @param work - does one piece for a member; returns whether it has another. */
export function makeFairQueue<Member>(
  work: (member: Member) => boolean,
  onError: (thrown: unknown) => void,
) {
  const members = new Set<Member>();
  let isWorking = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let left = piecesMax;

  const round = (): void => {
    if (isWorking) return;
    isWorking = true;
    try {
      for (const member of members) {
        if (left === 0) break;
        left -= 1;
        members.delete(member);
        // At the end of the queue again.
        if (work(member)) members.add(member);
      }
    } catch (thrown) {
      onError(thrown);
    } finally {
      isWorking = false;
    }
    // Later events of this turn share what is left.
    timer ??= setTimeout(() => {
      timer = undefined;
      left = piecesMax;
      if (members.size > 0) round();
    }, 0);
  };

  return {
    add(member: Member): void {
      members.add(member);
      round();
    },
  };
}
