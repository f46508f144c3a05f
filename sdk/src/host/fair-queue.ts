/**
 * Work of many, a piece of each in turn, with room for other events in between: one that has much to do must not keep
 * the others waiting, nor the loop.
 */

/** Milliseconds of work before other events have their turn; a piece that is begun is done. */
const turnMs = 8;

/** @param work - does one piece for a member; returns whether it has another. */
export function makeFairQueue<Member>(
  work: (member: Member) => boolean,
  onError: (thrown: unknown) => void,
) {
  const members = new Set<Member>();
  let isWorking = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let left = turnMs;

  const round = (): void => {
    if (isWorking) return;
    isWorking = true;
    try {
      for (const member of members) {
        if (left <= 0) break;
        members.delete(member);
        const began = performance.now();
        // At the end of the queue again.
        if (work(member)) members.add(member);
        left -= performance.now() - began;
      }
    } catch (thrown) {
      onError(thrown);
    } finally {
      isWorking = false;
    }
    // Later events of this turn share what is left.
    timer ??= setTimeout(() => {
      timer = undefined;
      left = turnMs;
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
