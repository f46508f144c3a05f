/** What the host asks the kernel for. Each request is answered once: in its step, or in the one that brings what it waits for. */
import {
  CAVEAT_MAKER,
  HOST_REALM,
  isKRef,
  isPromiseKRef,
  isSubclusterId,
  isVatId,
  type EndpointId,
  type KRef,
  type SubclusterId,
  type VatId,
} from '../protocol/refs.js';
import type { Caveats } from './caveats.js';
import type { ErrorData, KernelEffect, KernelEvent, RequestId } from './events.js';
import type { Holds } from './holds.js';
import type { HostRealm } from './host-realm.js';
import type { Messages, Settlement } from './messages.js';
import type { OcapUrls } from './ocap-urls.js';
import type { References } from './references.js';
import { krefOrder, type KernelRows } from './rows.js';
import type { Subclusters } from './subclusters.js';
import type { Traces } from './traces.js';
import type { Vats } from './vats.js';
import type { Waiting } from './waiting.js';

type Request<Type extends KernelEvent['type']> = Extract<KernelEvent, { type: Type }>;

type AnyRequest = Request<
  | 'send'
  | 'host-await'
  | 'issue-url'
  | 'redeem-url'
  | 'revoke-url'
  | 'spend-vat-ids'
  | 'terminate-subcluster'
  | 'terminate-vat'
  | 'start-vat'
  | 'restart-vat'
  | 'upgrade-vat'
  | 'register-service'
  | 'pin-root'
  | 'revoke'
  | 'make-caveat'
  | 'reap'
>;

export function makeRequests({
  rows,
  references,
  messages,
  caveats,
  urls,
  hostRealm,
  vats,
  subclusters,
  holds,
  waiting,
  traces,
  emit,
  isNameable,
  noteOrphan,
}: {
  rows: KernelRows;
  references: References;
  messages: Messages;
  caveats: Caveats;
  urls: OcapUrls;
  hostRealm: HostRealm;
  vats: Vats;
  subclusters: Subclusters;
  holds: Holds;
  waiting: Waiting;
  traces: Traces;
  emit: (effect: KernelEffect) => void;
  isNameable: (kref: KRef) => boolean;
  noteOrphan: (kref: KRef, owner: EndpointId) => void;
}) {
  const done = (requestId: RequestId, result: unknown = null): void =>
    emit({ type: 'answer', requestId, outcome: { type: 'done', result } });
  const fail = (requestId: RequestId, error: ErrorData): void =>
    emit({ type: 'answer', requestId, outcome: { type: 'failed', error } });
  const notFound = (requestId: RequestId, message: string, data?: unknown): void =>
    fail(requestId, { code: 'NOT_FOUND', message, data });

  const send = ({ requestId, session, target, methargs }: Request<'send'>): void => {
    for (const kref of [target, ...methargs.slots]) {
      if (isKRef(kref) && isNameable(kref)) continue;
      const what = kref === target ? 'the target of a message' : 'an argument of a message';
      if (isKRef(kref) && rows.objects.has(kref)) {
        fail(requestId, {
          code: 'OBJECT_DELETED',
          message: `${kref}, ${what}, is held by nobody any more and may have been deleted`,
        });
      } else notFound(requestId, `there is no ${String(kref)}, ${what}`);
      return;
    }
    const result = references.makePromise(null);
    answerWhenSettled(requestId, session, result);
    traces.sent(session, target, { methargs, result });
    messages.route(target, { methargs, result });
  };

  /** Tells a session how a promise settles, and hands it what that holds. */
  const answerWhenSettled = (requestId: RequestId, session: EndpointId, promise: KRef): void => {
    if (!rows.promises.has(promise)) {
      notFound(requestId, `there is no ${promise} to wait for`);
      return;
    }
    const tell = ({ rejected, value, stack }: Settlement): void => {
      holds.hand(session, value.slots);
      emit({
        type: 'answer',
        requestId,
        outcome: rejected
          ? { type: 'rejected', value, ...(stack && { stack }) }
          : { type: 'fulfilled', value },
      });
    };
    const outcome = messages.outcome(promise);
    if ('open' in outcome) waiting.whenSettled(outcome.open, tell);
    else tell(outcome);
  };

  const forVat = (requestId: RequestId, vatId: VatId, act: () => void): void => {
    if (isVatId(vatId) && rows.vats.has(vatId)) act();
    else notFound(requestId, `Vat does not exist. (${String(vatId)})`, { vatId });
  };

  const pinRoot = (vatId: VatId, pin: boolean): KRef => {
    const { root } = rows.vats.getRequired(vatId);
    const pins = rows.pins.get(root) ?? 0;
    if (pin) {
      rows.pins.set(root, pins + 1);
      references.hold(root);
    } else if (pins > 0) {
      if (pins === 1) rows.pins.delete(root);
      else rows.pins.set(root, pins - 1);
      references.release(root);
    }
    return root;
  };

  const terminateSubcluster = (requestId: RequestId, id: SubclusterId): void => {
    if (isSubclusterId(id) && rows.subclusters.has(id)) {
      subclusters.terminate(id);
      done(requestId);
    } else notFound(requestId, `Subcluster does not exist. (${String(id)})`);
  };

  const terminateVat = ({ requestId, vatId, reason }: Request<'terminate-vat'>): void => {
    const unknown = reason?.slots.find((kref) => !isKRef(kref) || !isNameable(kref));
    if (unknown !== undefined) {
      notFound(
        requestId,
        `there is no ${String(unknown)}, named by the reason to terminate ${vatId}`,
      );
      return;
    }
    subclusters.terminateVat(vatId, reason && { rejected: true, value: reason });
    done(requestId);
  };

  const startVat = (requestId: RequestId, vatId: VatId): void => {
    const { condition, name, fault } = rows.vats.getRequired(vatId);
    if (condition === 'broken') {
      fail(requestId, {
        code: 'VAT_BROKEN',
        message: `Vat ${vatId} (${name}) is quarantined: ${fault}`,
      });
    } else vats.requestStart(vatId, requestId);
  };

  const upgradeVat = ({
    requestId,
    vatId,
    config,
    bundleHash,
    content,
  }: Request<'upgrade-vat'>): void => {
    const { condition, name } = rows.vats.getRequired(vatId);
    if (condition === 'launching') {
      fail(requestId, {
        code: 'UPGRADE_FAILED',
        message: `Vat ${vatId} (${name}) has not been launched yet`,
      });
      return;
    }
    if (!rows.bundles.has(bundleHash)) rows.bundles.set(bundleHash, content);
    vats.upgrade(vatId, {
      bundleHash,
      config,
      onStarted() {
        if (vats.applyUpgrades([vatId])) done(requestId);
      },
      onCancelled: (why) =>
        fail(requestId, {
          code: 'UPGRADE_FAILED',
          message: `Vat ${vatId} (${name}) was not upgraded: ${why.message}`,
          cause: { ...why, vatId },
          data: { vatId, vat: name },
        }),
    });
  };

  const revoke = (requestId: RequestId, kref: KRef): void => {
    const object = isKRef(kref) ? rows.objects.get(kref) : undefined;
    if (kref === CAVEAT_MAKER) {
      notFound(requestId, `cannot revoke ${kref}, which makes the caveats of all vats`);
    } else if (object !== undefined) {
      caveats.revoke(kref);
      noteOrphan(kref, HOST_REALM);
      done(requestId);
    } else if (isKRef(kref) && isPromiseKRef(kref)) {
      notFound(requestId, `cannot revoke promise ${kref}`);
    } else notFound(requestId, `there is no ${String(kref)} to revoke`);
  };

  const registerService = (event: Request<'register-service'>): void => {
    const { requestId, name, systemOnly, kref } = event;
    if (kref === undefined) {
      done(requestId, hostRealm.register(name, event.vref, systemOnly));
    } else if (isKRef(kref) && !isPromiseKRef(kref) && isNameable(kref)) {
      hostRealm.registerObject(name, kref, systemOnly);
      done(requestId, { kref });
    } else notFound(requestId, `there is no object ${String(kref)} to be service ${name}`);
  };

  const issueUrl = ({ requestId, number, kref, limits }: Request<'issue-url'>): void => {
    if (!isKRef(kref) || !isNameable(kref)) {
      notFound(requestId, `there is no ${String(kref)} to issue an ocap URL for`);
      return;
    }
    const problem = urls.objection(number, kref);
    if (problem !== undefined) {
      fail(requestId, { code: 'DELIVERY_FAILED', message: `Cannot issue an ocap URL: ${problem}` });
      return;
    }
    urls.issue(number, kref, limits);
    done(requestId);
  };

  const redeemUrl = ({ requestId, session, number }: Request<'redeem-url'>): void => {
    const found = urls.redeem(number);
    if ('failure' in found) {
      emit({
        type: 'answer',
        requestId,
        outcome: { type: 'rejected', value: found.failure.value },
      });
      return;
    }
    holds.hand(session, [found.kref]);
    done(requestId, found.kref);
  };

  const makeCaveat = ({ requestId, session, target, limits }: Request<'make-caveat'>): void => {
    if (!isKRef(target) || isPromiseKRef(target) || !isNameable(target)) {
      notFound(requestId, `there is no object ${String(target)} to make a caveat for`);
      return;
    }
    const problem = caveats.objection(target);
    if (problem !== undefined) {
      fail(requestId, { code: 'DELIVERY_FAILED', message: problem });
      return;
    }
    const made = caveats.make(target, limits);
    holds.hand(session, [made.ref, made.revoker]);
    done(requestId, made);
  };

  const reap = (requestId: RequestId, vatIds?: VatId[]): void => {
    const running = rows.vats
      .ids()
      .sort(krefOrder)
      .filter((id) => vats.isRunning(id) && (vatIds === undefined || vatIds.includes(id)));
    let waitingFor = running.length;
    if (waitingFor === 0) done(requestId);
    for (const vatId of running) {
      vats.requestReap(vatId, () => {
        waitingFor -= 1;
        if (waitingFor === 0) done(requestId);
      });
    }
  };

  const handle = (event: AnyRequest): void => {
    switch (event.type) {
      case 'send':
        return send(event);
      case 'host-await':
        return answerWhenSettled(event.requestId, HOST_REALM, event.promise);
      case 'issue-url':
        return issueUrl(event);
      case 'redeem-url':
        return redeemUrl(event);
      case 'revoke-url':
        return done(event.requestId, urls.revoke(event.number));
      case 'spend-vat-ids':
        return done(
          event.requestId,
          Array.from({ length: event.count }, () => `v${rows.nextId('vat')}`),
        );
      case 'terminate-subcluster':
        return terminateSubcluster(event.requestId, event.subclusterId);
      case 'terminate-vat':
        return forVat(event.requestId, event.vatId, () => terminateVat(event));
      case 'start-vat':
        return forVat(event.requestId, event.vatId, () => startVat(event.requestId, event.vatId));
      case 'restart-vat':
        return forVat(event.requestId, event.vatId, () => {
          vats.restart(event.vatId);
          vats.requestStart(event.vatId, event.requestId);
        });
      case 'upgrade-vat':
        return forVat(event.requestId, event.vatId, () => upgradeVat(event));
      case 'register-service':
        return registerService(event);
      case 'pin-root':
        return forVat(event.requestId, event.vatId, () =>
          done(event.requestId, pinRoot(event.vatId, event.pin)),
        );
      case 'revoke':
        return revoke(event.requestId, event.kref);
      case 'make-caveat':
        return makeCaveat(event);
      case 'reap':
        return reap(event.requestId, event.vatIds);
    }
  };

  return { handle, answerWhenSettled };
}
