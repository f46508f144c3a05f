/**
 * The links between fake clients and the kernel of a simulation: frames travel for as long as they like in both
 * directions, links break, clients come back or do not.
 */
import { isPromiseKRef, isPromiseVRef, type EndpointId, type VRef } from '../../protocol/refs.js';
import type { Attachment, KernelEffect, KernelEvent, Outcome } from '../events.js';
import type { KernelRows } from '../rows.js';
import type { SessionFrame } from '../session-rows.js';
import { makeFakeClient, type ClientFrame, type FakeClient } from './fake-client.js';
import type { Ledger } from './ledger.js';
import type { Random } from './random.js';

type Link = {
  client: FakeClient;
  /** Is the link up? `waiting`: for the answer to its hello. */
  phase: 'down' | 'waiting' | 'up';
  toKernel: ClientFrame[];
  toClient: SessionFrame[];
};

export type ClientLinks = ReturnType<typeof makeClientLinks>;

export function makeClientLinks(powers: {
  count: number;
  liars: number;
  random: Random;
  ledger: Ledger;
  hostMark: string;
  rows: () => KernelRows;
  request: () => number;
  step: (event: KernelEvent) => void;
}) {
  const { count, liars, random, ledger, hostMark, rows, request, step } = powers;
  const answers = new Map<number, (outcome: Outcome) => void>();

  const uidOf = (session: EndpointId, vref: VRef): string | undefined => {
    if (isPromiseVRef(vref)) return undefined;
    const kref = rows().clistByVRef.get(`${session}.${vref}`);
    return kref === undefined ? undefined : `k:${kref}`;
  };

  const makeLink = (number: number): Link => ({
    client: makeFakeClient({ random, ledger, hostMark, isLiar: number < liars, uidOf }),
    phase: 'down',
    toKernel: [],
    toClient: [],
  });
  const links = Array.from({ length: count }, (_, number) => makeLink(number));

  const linkOf = (session: EndpointId): Link | undefined =>
    links.find(({ client }) => client.session() === session);

  const ask = (
    event: KernelEvent & { requestId: number },
    then: (outcome: Outcome) => void,
  ): void => {
    answers.set(event.requestId, then);
    step(event);
  };

  const begin = (number: number): void => {
    links[number] = makeLink(number);
  };

  const connect = (link: Link): void => {
    link.phase = 'waiting';
    const session = link.client.session();
    if (session !== undefined) return attach(link, session);
    const roots = rows()
      .vats.ids()
      .map((id) => rows().vats.getRequired(id).root);
    const give = random.some(roots, 1 + random.below(3));
    ask(
      {
        type: 'session-open',
        requestId: request(),
        secretHash: 'secret',
        privileged: random.chance(0.5),
        give,
      },
      (outcome) => {
        if (outcome.type !== 'done') return void (link.phase = 'down');
        link.client.welcomed(outcome.result as EndpointId);
        attach(link, outcome.result as EndpointId);
      },
    );
  };

  const attach = (link: Link, session: EndpointId): void => {
    ask(
      {
        type: 'session-attach',
        requestId: request(),
        session,
        secretHash: 'secret',
        received: link.client.received(),
      },
      (outcome) => {
        if (!links.includes(link) || link.phase !== 'waiting') return;
        if (outcome.type !== 'done') return begin(links.indexOf(link));
        const { received, closedBelow, frames } = outcome.result as Attachment;
        link.toKernel.push(...link.client.resumed(received, closedBelow));
        link.toClient.unshift(...frames);
        link.phase = 'up';
      },
    );
  };

  const toKernel = (link: Link): void => {
    const frame = link.toKernel.shift();
    const session = link.client.session();
    if (frame !== undefined && session !== undefined)
      step({ type: 'session-frame', session, ...frame });
  };

  const toClient = (link: Link): void => {
    const frame = link.toClient.shift();
    if (frame !== undefined) link.client.hear(frame);
  };

  const cut = (link: Link): void => {
    link.phase = 'down';
    link.toKernel = [];
    link.toClient = [];
  };

  return {
    /** One of them does something. `chaos`: or its link breaks. */
    live(chaos: boolean): void {
      const link = random.maybePick(links);
      if (link === undefined || link.phase === 'waiting') return;
      if (link.phase === 'down') return connect(link);
      const session = link.client.session() as EndpointId;
      switch (
        random.weighted({ speak: 5, toKernel: 5, toClient: 6, ack: 2, cut: chaos ? 1 : 0.2 })
      ) {
        case 'speak': {
          const frame = link.client.speak();
          if (frame !== undefined) link.toKernel.push(frame);
          return;
        }
        case 'toKernel':
          return toKernel(link);
        case 'toClient':
          return toClient(link);
        case 'ack': {
          // After what it has said already.
          const ack = link.toKernel.length === 0 ? link.client.ack() : undefined;
          return ack === undefined ? undefined : step({ type: 'session-ack', session, ack });
        }
        case 'cut':
          cut(link);
          step({ type: 'session-detach', session });
          if (random.chance(0.3)) step({ type: 'session-end', session });
      }
    },

    /** An effect that was let go, which is for a client. Returns whether it was. */
    take(effect: KernelEffect): boolean {
      switch (effect.type) {
        case 'to-session': {
          const link = linkOf(effect.session);
          // While it waits for its welcome, what is told meanwhile comes after what it lacks.
          if (link !== undefined && link.phase !== 'down') link.toClient.push(effect.frame);
          return true;
        }
        case 'session-received':
          linkOf(effect.session)?.client.acknowledged(effect.received);
          return true;
        case 'session-over': {
          const link = linkOf(effect.session);
          if (effect.error !== undefined && link?.client.isLiar === false) {
            throw new Error(`${effect.session} was ended: ${effect.error.message}`);
          }
          if (link !== undefined) begin(links.indexOf(link));
          return true;
        }
        case 'vat-version':
          return true;
        case 'answer': {
          const then = answers.get(effect.requestId);
          answers.delete(effect.requestId);
          then?.(effect.outcome);
          return false;
        }
        default:
          return false;
      }
    },

    /** The kernel has died. Its clients live, and may come back. */
    kernelDied(): void {
      answers.clear();
      for (const link of links) cut(link);
    },

    /** Something of an honest client that is connected is under way, or it holds something. Does a piece; false: none. */
    rest(): boolean {
      for (const link of links) {
        if (link.phase !== 'up' || link.client.isLiar) continue;
        const session = link.client.session() as EndpointId;
        if (link.toKernel.length > 0) return (toKernel(link), true);
        if (link.toClient.length > 0) return (toClient(link), true);
        const frame = link.client.quiet();
        if (frame !== undefined) return (link.toKernel.push(frame), true);
        const ack = link.client.ack();
        if (ack !== undefined) return (step({ type: 'session-ack', session, ack }), true);
      }
      return false;
    },

    /** What the kernel believes that an honest client still holds, which holds nothing. */
    leftovers(): string[] {
      return links.flatMap(({ phase, client }) => {
        if (phase !== 'up' || client.isLiar) return [];
        const session = client.session() as EndpointId;
        return rows()
          .clistByKRef.ids(`${session}.k`)
          .filter((id) => {
            const kref = id.slice(session.length + 1);
            if (!isPromiseKRef(kref))
              return rows().clistByKRef.getRequired(id).vref.startsWith('o-');
            return rows().promises.getRequired(kref).state !== 'open';
          });
      });
    },

    endAll(): void {
      for (const session of rows().sessions.ids()) step({ type: 'session-end', session });
      answers.clear();
      for (const link of links) cut(link);
    },
  };
}
