/**
 * A vat's side of the kernel: takes deliveries, one at a time, and answers each with what it led to.
 *
 * A crank begins when a delivery is read and ends when the engine has run dry of promise jobs. What vat code does
 * outside of one goes to `prior` of the next. Everything here is synchronous but for that wait.
 */
import { passStyleOf } from '@endo/pass-style';
import { insistInvariant, KernelPanic } from '../errors.js';
import { isPromiseVRef, type VRef } from '../protocol/refs.js';
import type {
  CrankFailure,
  Delivery,
  FromVat,
  NumberedDelivery,
  Resolution,
  Syscall,
  ToVat,
  VatError,
} from '../protocol/vat-wire.js';
import { emptyVatTables, type VatTableSizes } from '../protocol/vat-tables.js';
import { mentionedIn } from './syscall-log.js';
import { findMethod, invoke, methodLabel } from './invoke.js';
import { loadBundle } from './bundle-loader.js';
import type { PlatformGlobals } from './endowments.js';
import { makeRuntimeModules } from './runtime-modules.js';
import { stackText, wholeStack } from './stacks.js';
import { vatBounds } from './vat-bounds.js';
import { messageOf } from './vat-marshal.js';
import { makeVatWorld, type VatWorld } from './vat-world.js';

export type RuntimePowers = {
  post(message: FromVat): void;
  /** Runs `callback` when all promise jobs are done, those that they make included. */
  nextMacrotask(callback: () => void): void;
  /** Milliseconds of a clock that does not go back. */
  now(): number;
  /** Runs `callback` once after `ms`. */
  after(ms: number, callback: () => void): void;
  /** Collects garbage now, where the engine can. */
  gc?: (() => void) | undefined;
  platform: PlatformGlobals;
  /** From a bundle to its exports. By default in a compartment of its own. */
  load?: typeof loadBundle;
};

export type VatRuntime = {
  /** Takes a message of the host's. */
  handle(message: ToVat): void;
  /** A promise of this realm was rejected and nobody looks at it. */
  uncaught(reason: unknown, promise: Promise<unknown>): void;
  /** Somebody has looked at a promise that {@link VatRuntime.uncaught} told of. */
  caught(promise: Promise<unknown>): void;
  /** For tests and diagnosis: how much stands in the vat's tables. */
  sizes(): VatTableSizes;
};

type Init = Extract<ToVat, { type: 'init' }>;
type Start = Extract<Delivery, { type: 'start' }>;
type Message = Extract<Delivery, { type: 'message' }>;

/** Of a failure that no delivery led to; the next delivery is told of it again. */
const noDelivery = -1;
/** Turns of the engine that finalizers get after a forced collection. */
const finalizerTurns = 10;
/** Rejected promises that are remembered until somebody looks at them. Of those beyond it only the log knows. */
const lostMax = 100;
/** Forced collections in one reap. */
const reapRounds = 5;

type Crank = {
  id: number;
  prior: Syscall[];
  priorMentions: ReadonlySet<VRef>;
  kept?: VRef[];
  start?: { outcome?: { hasBootstrap: boolean }; error?: unknown };
};

export function makeVatRuntime({
  post,
  nextMacrotask,
  now,
  after,
  gc,
  platform,
  load = loadBundle,
}: RuntimePowers): VatRuntime {
  // Before the first vat arrives, while nobody waits.
  const runtimeModules = makeRuntimeModules();
  let init: Init | undefined;
  let world: VatWorld | undefined;
  let crank: Crank | undefined;
  /** Why this vat takes no more deliveries. */
  let death: CrankFailure | undefined;
  let turnIsWanted = false;
  let idleTimerRuns = false;
  /** The step of the crank under way that comes when the engine has run dry. */
  let waiting: { id: number; step: () => void } | undefined;
  let turnComes = false;
  const inbox: NumberedDelivery[] = [];
  /** Rejected promises that nobody has looked at, the oldest ones. */
  const lost = new Map<Promise<unknown>, VatError>();
  /** The one of them that the kernel was told of. */
  let told: VatError | undefined;

  const wantTurn = (): void => {
    if (crank !== undefined || turnIsWanted || death !== undefined) return;
    turnIsWanted = true;
    post({ type: 'want-turn' });
  };

  /** Something was collected: worth a turn when it has become much, or when nothing else happens for a while. */
  const onGarbage = (count: number): void => {
    if (count >= vatBounds.garbageBatch) wantTurn();
    else if (!idleTimerRuns) {
      idleTimerRuns = true;
      after(vatBounds.garbageIdleMs, () => {
        idleTimerRuns = false;
        wantTurn();
      });
    }
  };

  const fail = (id: number, error: unknown): void => {
    crank = undefined;
    death = { error: describeError(error, wholeStack(error)) };
    post({ type: 'failed', id, failure: death });
  };

  const finish = (): void => {
    insistInvariant(crank !== undefined, 'a crank is under way');
    const { id, prior, kept, start } = crank;
    if (start !== undefined) endStart(start);
    insistInvariant(world !== undefined, 'a vat is started');
    const { objects, promises, syscalls, state } = world;
    promises.forgetRetired();
    const { dropImports, retireImports, retireExports } = objects.takeGarbage();
    if (dropImports.length > 0) syscalls.push({ type: 'drop-imports', vrefs: dropImports });
    if (retireImports.length > 0) syscalls.push({ type: 'retire-imports', vrefs: retireImports });
    if (retireExports.length > 0) syscalls.push({ type: 'retire-exports', vrefs: retireExports });
    const shapes = world.shapes.take();
    const result = {
      prior,
      own: syscalls.take(),
      writes: state.takeWrites(),
      ...(kept !== undefined && { kept }),
      ...(start?.outcome !== undefined && { start: start.outcome }),
      ...news(),
      ...(shapes.length > 0 && { shapes }),
    };
    crank = undefined;
    post({ type: 'done', id, result });
  };

  /** What the kernel does not know yet of {@link lost}. */
  const news = (): { uncaught?: VatError | null } => {
    const [first] = lost.values();
    if (first === told) return {};
    told = first;
    return { uncaught: first ?? null };
  };

  const endStart = ({ outcome, error }: NonNullable<Crank['start']>): void => {
    if (error !== undefined) throw error as Error;
    if (outcome === undefined) {
      throw Error(
        'buildRootObject has not settled by the end of the start; it cannot wait for an answer, a timer or the host',
      );
    }
    const unprepared = world?.kinds.unprepared() ?? [];
    if (unprepared.length > 0) {
      const names = unprepared.map((name) => JSON.stringify(name)).join(', ');
      throw Error(`the vat has durable objects of ${names}, which buildRootObject did not prepare`);
    }
  };

  /** The rest of a crank happens once the engine is idle. What is thrown there is ours or the start's. */
  const afterJobs = (step: () => void): void => {
    waiting = { id: crank?.id ?? noDelivery, step };
    if (turnComes) return;
    turnComes = true;
    nextMacrotask(() => {
      turnComes = false;
      goOn();
      const next = crank === undefined ? inbox.shift() : undefined;
      if (next !== undefined) begin(next);
    });
  };

  const goOn = (): void => {
    if (waiting === undefined || death !== undefined) return;
    const { id, step } = waiting;
    waiting = undefined;
    try {
      step();
    } catch (error) {
      fail(id, error);
    }
  };

  /** Deliveries come in order, some before the one that is under way has ended. */
  const take = (deliveries: readonly NumberedDelivery[]): void => {
    // A message's event is a task of its own: the jobs of what came before it are done.
    if (waiting?.step === finish && crank?.start === undefined) goOn();
    for (const each of deliveries) {
      if (crank === undefined && inbox.length === 0) begin(each);
      else inbox.push(each);
    }
  };

  const begin = ({ id, delivery }: NumberedDelivery): void => {
    if (death !== undefined) {
      post({ type: 'failed', id, failure: death });
      return;
    }
    try {
      deliver(id, delivery);
    } catch (error) {
      fail(id, error);
    }
  };

  const beginCrank = (id: number): Crank => {
    const prior = world?.syscalls.take() ?? [];
    const mentions = mentionedIn(prior);
    for (const vref of world?.state.dirtySlots() ?? []) mentions.add(vref);
    turnIsWanted = false;
    crank = { id, prior, priorMentions: mentions };
    return crank;
  };

  const start = ({ parameters, state, nextExport }: Start, own: Crank): void => {
    insistInvariant(
      init !== undefined && world === undefined,
      'a start follows init and comes once',
    );
    const outcome: NonNullable<Crank['start']> = {};
    own.start = outcome;
    const setRoot = (made: VatWorld) => (root: unknown) => {
      if (!isRemotable(root)) {
        outcome.error = TypeError(
          `buildRootObject must return an object made with makeDefaultExo, makeExo or Far, not ${describeRoot(root)}`,
        );
        return;
      }
      made.objects.setRoot(root);
      outcome.outcome = { hasBootstrap: findMethod(root, 'bootstrap') !== undefined };
    };
    const setError = (error: unknown) => {
      outcome.error ??= error ?? Error('buildRootObject was rejected with nothing');
    };
    try {
      world = makeVatWorld({
        init,
        post,
        now,
        onActivity: wantTurn,
        onGarbage,
        platform,
        runtimeModules,
      });
      world.load(state, nextExport);
      const { buildRootObject } = load(
        init.bundle,
        init.vatId,
        world.globals,
        world.runtimeModules,
      );
      const built = buildRootObject(world.vatPowers, harden(parameters), world.baggage);
      Promise.resolve(built).then(setRoot(world), setError);
    } catch (error) {
      setError(error);
    }
    afterJobs(finish);
  };

  const deliverMessage = (
    { target, methargs, result, ephemeral = [] }: Message,
    { objects, promises, marshal }: VatWorld,
  ): void => {
    insistInvariant(
      !isPromiseVRef(target),
      `${target} is an object, as a message's target must be`,
    );
    const settle =
      result === undefined ? undefined : promises.decide(result, 'result of the message');
    try {
      const [method, args] = marshal.decode(methargs) as [unknown, unknown];
      ephemeral.forEach(objects.noteEphemeral);
      if (result !== undefined) promises.setLabel(result, `result of ${methodLabel(method)}`);
      const object = objects.provide(target);
      if (object === undefined) throw Error(`[KERNEL:OBJECT_DELETED] ${target} is no longer there`);
      const returned = invoke(object, method, args);
      if (settle !== undefined) settle.resolve(returned);
      else watchUnanswered(returned);
    } catch (error) {
      insistNotOurs(error);
      if (settle !== undefined) settle.reject(error);
      else world?.reportUncaught(error);
    }
  };

  /** A message without a result: the sender will not hear of a rejection, so the log must. */
  const watchUnanswered = (returned: unknown): void => {
    Promise.resolve(returned).catch((error) => world?.reportUncaught(error));
  };

  const deliverNotify = (
    resolutions: readonly Resolution[],
    { promises, marshal }: VatWorld,
  ): void => {
    promises.notify(resolutions, ({ rejected, value }) => {
      try {
        return { rejected, value: marshal.decode(value) };
      } catch (error) {
        insistNotOurs(error);
        return {
          rejected: true,
          value: Error(`cannot read a promise's value: ${messageOf(error)}`),
        };
      }
    });
  };

  const keep = (own: Crank, vrefs: readonly VRef[], letGo: (vref: VRef) => boolean): void => {
    own.kept = vrefs.filter((vref) => own.priorMentions.has(vref) || !letGo(vref));
  };

  /** What goes lets go of more: again, as long as a round finds something. */
  const reap = ({ objects, kinds, syscalls }: VatWorld): void => {
    let rounds = reapRounds;
    let waiting = 0;
    const collect = (): void => {
      gc?.();
      afterTurns(finalizerTurns, () => {
        const { deleted, retired } = kinds.reap();
        if (retired.length > 0) syscalls.push({ type: 'retire-exports', vrefs: retired });
        const found = deleted > 0 || objects.suspected() > waiting;
        waiting = objects.suspected();
        rounds -= 1;
        if (found && rounds > 0) afterJobs(collect);
        else finish();
      });
    };
    // In a job of its own: what this one has looked at stays alive until its end.
    afterJobs(collect);
  };

  const afterTurns = (turns: number, step: () => void): void =>
    afterJobs(turns > 1 ? () => afterTurns(turns - 1, step) : step);

  const deliver = (id: number, delivery: Delivery): void => {
    insistInvariant(crank === undefined, 'one delivery at a time');
    const own = beginCrank(id);
    if (delivery.type === 'start') return start(delivery, own);
    insistInvariant(world !== undefined, 'a start comes before all other deliveries');
    const { objects } = world;
    switch (delivery.type) {
      case 'message':
        deliverMessage(delivery, world);
        break;
      case 'notify':
        deliverNotify(delivery.resolutions, world);
        delivery.ephemeral?.forEach(objects.noteEphemeral);
        break;
      case 'drop-exports':
        keep(own, delivery.vrefs, (vref) => (objects.dropped(vref), true));
        break;
      case 'retire-exports':
        keep(own, delivery.vrefs, (vref) => (objects.exportRetired(vref), true));
        break;
      case 'retire-imports':
        keep(own, delivery.vrefs, objects.importRetired);
        break;
      case 'reap':
        return reap(world);
      case 'turn':
        break;
      default:
        insistInvariant(
          false,
          `no delivery is called ${String((delivery as { type: unknown }).type)}`,
        );
    }
    afterJobs(finish);
  };

  const sizes = (): VatTableSizes => {
    if (world === undefined) return emptyVatTables;
    const objects = world.objects.sizes();
    const kinds = world.kinds.sizes();
    return {
      ...objects,
      promises: world.promises.size(),
      weakKeys: world.weak.size(),
      stateRows: world.state.sizes().rows,
      stateHolds: world.state.sizes().holds,
      representatives: kinds.representatives,
      suspects: objects.suspects + kinds.suspects,
      syscalls: world.syscalls.size(),
      asks: world.asks.size(),
    };
  };

  return harden({
    handle(message) {
      if (message.type === 'ping') {
        post({ type: 'pong', id: message.id, sizes: sizes() });
        return;
      }
      if (message.type === 'reply') {
        if (death === undefined) world?.asks.reply(message.id, message.answer);
        return;
      }
      const id =
        message.type === 'deliver' ? (message.deliveries[0]?.id ?? noDelivery) : noDelivery;
      if (death !== undefined) {
        post({ type: 'failed', id, failure: death });
        return;
      }
      try {
        if (message.type === 'init') {
          insistInvariant(init === undefined, 'a worker runs one vat');
          init = message;
        } else {
          take(message.deliveries);
        }
      } catch (error) {
        fail(id, error);
      }
    },

    sizes,

    uncaught(reason, promise) {
      if (isPanic(reason)) {
        fail(crank?.id ?? noDelivery, reason);
      } else if (crank?.start !== undefined) {
        crank.start.error ??= reason ?? Error('a promise was rejected with nothing');
      } else {
        if (lost.size < lostMax) lost.set(promise, describeError(reason, stackText(reason)));
        world?.reportUncaught(reason);
      }
    },

    caught(promise) {
      lost.delete(promise);
    },
  });
}

/** A broken invariant, which must not become an answer to some caller. */
const isPanic = (error: unknown): boolean => error instanceof KernelPanic;

/** Longest text of an error for the host: nobody reads more, and a vat could make it as long as it likes. */
const errorCharsMax = 10_000;

function describeError(error: unknown, stack: string | undefined): VatError {
  const name = nameOf(error).slice(0, 100);
  const message = messageOf(error).slice(0, errorCharsMax);
  return { name, message, ...(stack && { stack: stack.slice(0, errorCharsMax) }) };
}

function nameOf(error: unknown): string {
  try {
    return error instanceof Error ? String(error.name) : 'Error';
  } catch {
    return 'Error';
  }
}

function insistNotOurs(error: unknown): void {
  if (isPanic(error)) throw error as Error;
}

function isRemotable(value: unknown): value is object {
  try {
    return passStyleOf(harden(value)) === 'remotable';
  } catch {
    return false;
  }
}

function describeRoot(root: unknown): string {
  if (root === null) return 'null';
  return typeof root === 'object'
    ? 'a plain object'
    : typeof root === 'undefined'
      ? 'nothing'
      : `a ${typeof root}`;
}
