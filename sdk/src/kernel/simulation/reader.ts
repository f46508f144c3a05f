/**
 * What reads in a simulation of peers: a vat that counts, and a client that follows the counts of all vats as a page would. It
 * asks again only when it is told that an answer is out of date.
 */
import type { CapData } from '../../protocol/capdata.js';
import type { EndpointId, KRef, VRef } from '../../protocol/refs.js';
import type { CrankResult, Delivery, Syscall } from '../../protocol/vat-wire.js';
import type { Attachment, KernelEffect, KernelEvent, Outcome } from '../events.js';
import type { SessionFrame } from '../session-rows.js';
import type { Random } from './random.js';

type Deliver = KernelEffect & { type: 'deliver' };

type Query = {
  /** Whose count it is. */
  of: string;
  target: VRef;
  methargs: CapData<VRef>;
  touched: { [source: string]: number };
  /** What was answered, until it is found to be out of date. */
  answer?: string;
  asked?: VRef;
};

export type Reader = ReturnType<typeof makeReader>;

export function makeReader(powers: {
  name: string;
  random: Random;
  step: (event: KernelEvent) => void;
  ask: (event: object, then: (outcome: Outcome) => void) => void;
}) {
  const { name, random, step, ask } = powers;

  // The vat

  let given: Deliver[] = [];
  let count = 0;
  let lastPromise = 0;
  /** Whose answer it waits for, by what it waits for. */
  const waiting = new Map<VRef, VRef>();

  const settle = (vpid: VRef, value: CapData<VRef>, rejected = false): Syscall => ({
    type: 'resolve',
    resolutions: [{ vpid, rejected, value }],
  });

  const act = (delivery: Delivery): Partial<CrankResult> => {
    switch (delivery.type) {
      case 'start':
        waiting.clear();
        count = Number(delivery.state[0]?.[1] ?? 0);
        return { start: { hasBootstrap: false } };
      case 'message': {
        const { methargs, result } = delivery;
        const [far] = methargs.slots;
        if (far !== undefined && result !== undefined) {
          lastPromise += 1;
          const vpid = `p+${lastPromise}`;
          waiting.set(vpid, result);
          const get = { body: '#["get",[]]', slots: [] };
          return {
            own: [
              { type: 'send', target: far, methargs: get, result: vpid },
              { type: 'subscribe', vpid },
            ],
          };
        }
        const isAdd = methargs.body.includes('add');
        if (isAdd) count += 1;
        return {
          own: result === undefined ? [] : [settle(result, { body: `#${count}`, slots: [] })],
          writes: isAdd ? [{ key: 'count', value: String(count) }] : [],
        };
      }
      case 'notify':
        return {
          own: delivery.resolutions.flatMap(({ vpid, value, rejected }) => {
            const result = waiting.get(vpid);
            waiting.delete(vpid);
            return result === undefined ? [] : [settle(result, value, rejected)];
          }),
        };
      default:
        return {};
    }
  };

  // The client

  let session: EndpointId | undefined;
  let seq = 0;
  let heard = 0;
  let lastName = 0;
  let queries: Query[] = [];
  const known = new Map<string, number>();

  const isOutdated = ({ touched }: Query): boolean =>
    Object.entries(touched).some(([source, version]) => (known.get(source) ?? 0) > version);

  const call = (target: VRef, methargs: CapData<VRef>, read?: true): VRef => {
    seq += 1;
    lastName += 1;
    const result = `p+${lastName}`;
    const ops = [{ op: 'call' as const, target, methargs, result, ...(read && { read }) }];
    step({ type: 'session-frame', session: session as EndpointId, seq, ack: heard, ops });
    return result;
  };

  const hear = (frame: SessionFrame): void => {
    heard = frame.seq;
    for (const op of frame.ops) {
      if (op.op !== 'settle') continue;
      for (const { promise, rejected, value, touched } of op.resolutions) {
        const query = queries.find(({ asked }) => asked === promise);
        if (query === undefined) continue;
        delete query.asked;
        query.touched = touched ?? {};
        // What failed is tried again.
        if (rejected) delete query.answer;
        else query.answer = value.body;
      }
    }
  };

  return {
    launch(): void {
      const config = { bootstrap: 'v', vats: { v: { bundleName: 'v' } } };
      const event = { type: 'launch', session: 'a1', config, bundles: { v: 'hash' } };
      ask({ ...event, contents: { hash: '{}' }, bootstrap: false }, () => {});
    },

    /** A client that has these: this kernel's vat, and those of others. */
    open(own: KRef, others: readonly [name: string, kref: KRef][]): void {
      const give = [own, ...others.map(([, kref]) => kref)];
      const secretHash = 'secret';
      ask({ type: 'session-open', secretHash, privileged: true, give }, (opened) => {
        if (opened.type !== 'done') return;
        const id = opened.result as EndpointId;
        ask({ type: 'session-attach', session: id, secretHash, received: 0 }, (outcome) => {
          if (outcome.type !== 'done') return;
          const [first] = (outcome.result as Attachment).frames;
          const [op] = first?.ops ?? [];
          if (op?.op !== 'give') throw new Error('the client was given nothing');
          const [mine, ...theirs] = op.value.slots as [VRef, ...VRef[]];
          heard = 1;
          session = id;
          const names = others.map(([of]) => of);
          const get = { body: '#["get",[]]', slots: [] };
          const far = (slot: VRef): CapData<VRef> => ({
            body: '#["far",["$0.Alleged: it"]]',
            slots: [slot],
          });
          // Its own count; that of each other; and that which one vat asks another one for.
          queries = [mine, ...theirs].flatMap((target, by) => [
            { of: by === 0 ? name : (names[by - 1] as string), target, methargs: get, touched: {} },
            ...theirs.flatMap((slot, at) =>
              slot === target
                ? []
                : [{ of: names[at] as string, target, methargs: far(slot), touched: {} }],
            ),
          ]);
        });
      });
    },

    perform(effect: KernelEffect): void {
      if (effect.type === 'deliver') given.push(effect);
      else if (effect.type === 'to-session' && effect.session === session) hear(effect.frame);
      else if (effect.type === 'vat-version') known.set(effect.vatId, effect.version);
      else if (effect.type === 'stop-vat') given = [];
    },

    /** The vat ends what it was given. */
    work(): boolean {
      const next = given.shift();
      if (next === undefined) return false;
      const { vatId, incarnation, deliveryId, delivery } = next;
      const result = { prior: [], own: [], writes: [], ...act(delivery) };
      step({ type: 'crank-done', vatId, incarnation, deliveryId, result });
      return true;
    },

    /** One of what is not known, or out of date, is asked again. */
    look(): boolean {
      const query = queries.find(
        (each) => each.asked === undefined && (each.answer === undefined || isOutdated(each)),
      );
      if (query === undefined) return false;
      query.asked = call(query.target, query.methargs, true);
      return true;
    },

    add(): void {
      const query = random.maybePick(queries);
      if (query !== undefined) call(query.target, { body: '#["add",[]]', slots: [] });
    },

    /** The process is gone, and the client with it. */
    die(): void {
      given = [];
      waiting.clear();
      session = undefined;
      seq = 0;
      lastName = 0;
      queries = [];
      known.clear();
    },

    isOpen: (): boolean => session !== undefined,
    /** It knows all that it asks for, as far as it was told. */
    isAtRest: (): boolean =>
      session !== undefined &&
      queries.every(
        (query) => query.asked === undefined && query.answer !== undefined && !isOutdated(query),
      ),
    answers: (): { of: string; answer: string | undefined }[] =>
      queries.map(({ of, answer }) => ({ of, answer })),
  };
}
