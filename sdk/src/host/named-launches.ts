/**
 * Launches by name: one subcluster for each name, launched once and found again, its vats upgraded where its definition
 * has changed.
 *
 * One thing at a time is done under a name, whoever asked: who asks meanwhile waits and finds what was done.
 */
import { KernelError } from '../errors.js';
import { limits } from '../limits.js';
import type { CapData } from '../protocol/capdata.js';
import { ClusterConfigStruct, type ClusterConfig, type VatConfig } from '../protocol/config.js';
import { describe } from '../protocol/describe.js';
import { kserMethargs, kslot, kunser, type StandIn } from '../protocol/kernel-values.js';
import type { KRef, SubclusterId, VatId } from '../protocol/refs.js';
import {
  boolean,
  listOf,
  makeStruct,
  object,
  oneOf,
  text,
  type Shape,
} from '../protocol/schema.js';
import type { LaunchRequest, LaunchStep, LaunchValue } from '../protocol/session-wire.js';
import type { Outcome } from '../kernel/events.js';
import { messageOf, sha256, type FetchedBundles } from './bundles.js';
import type { EventLoop } from './event-loop.js';
import { canonical, type Launches } from './launches.js';
import type { Log } from './logger.js';

export type NamedLaunch = LaunchValue & {
  subclusterId: SubclusterId;
  root: StandIn;
  roots: { [vat: string]: StandIn };
};

export type NamedLaunchesPowers = {
  loop: EventLoop;
  launches: Launches;
  log: Log;
  read: (outcome: Outcome, fetched?: FetchedBundles) => unknown;
};

const anything: Shape<unknown> = (value) => value ?? null;
const number: Shape<number> = (value, path, report) =>
  typeof value === 'number' ? value : report(path, `needs a number; found ${describe(value)}`);

const RequestStruct = makeStruct<LaunchRequest>(
  'invalid launch',
  object<LaunchRequest>(
    {
      name: text('a name', limits.configNameCharsMax),
      config: anything,
      onChange: oneOf(['upgrade', 'keep', 'error']),
      allowRemoval: boolean,
      rollback: boolean,
      expects: listOf(text('the name of a method', 1_000)),
      progress: number,
    },
    ['name', 'config'],
  ),
);

/** Definitions that a name had before, as many as are remembered. */
const pastMax = 100;
/** Krefs of a bootstrap's result are held under a session of their own until the client holds them. */
let lastHolder = 0;

export function makeNamedLaunches({ loop, launches, log, read }: NamedLaunchesPowers) {
  /** By name, what is under way. */
  const underWay = new Map<string, Promise<unknown>>();

  const inTurn = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const before = underWay.get(name) ?? Promise.resolve();
    const mine = before.then(work, work);
    underWay.set(name, mine);
    try {
      return await mine;
    } finally {
      if (underWay.get(name) === mine) underWay.delete(name);
    }
  };

  const rows = (): ReturnType<EventLoop['rows']> => {
    const over = loop.over();
    if (over !== undefined) throw over;
    return loop.rows();
  };

  const subclusterOf = (name: string): SubclusterId | undefined => {
    const id = rows().names.get(name);
    if (id !== undefined && rows().subclusters.getRequired(id).system) {
      throw new KernelError('BAD_CONFIG', `"${name}" is the name of a system subcluster`);
    }
    return id;
  };

  const rootOf = (vatId: VatId): KRef => rows().vats.getRequired(vatId).root;

  const found = (id: SubclusterId, action: NamedLaunch['action']): NamedLaunch => {
    const { vats, config } = rows().subclusters.getRequired(id);
    const bootstrap = vats[config.bootstrap];
    if (bootstrap === undefined) {
      throw new KernelError('VAT_TERMINATED', `vat ${config.bootstrap} of ${id} was terminated`);
    }
    return {
      subclusterId: id,
      root: kslot(rootOf(bootstrap)),
      roots: Object.fromEntries(
        Object.entries(vats).map(([name, vatId]) => [name, kslot(rootOf(vatId))]),
      ),
      action,
    };
  };

  const launchNew = async (
    request: LaunchRequest,
    config: ClusterConfig,
    fetched: FetchedBundles,
    definition: string,
    onStep: (step: LaunchStep) => void,
  ): Promise<NamedLaunch> => {
    lastHolder += 1;
    const session = `l${lastHolder}`;
    const total = Object.keys(config.vats).length;
    onStep({ step: 'starting', done: 0, total });
    const { subclusterId, bootstrapResult } = (await launches.launch(config, fetched, {
      session,
      named: { name: request.name, definition },
    })) as { subclusterId: SubclusterId; bootstrapResult?: CapData<KRef> };
    onStep({ step: 'starting', done: total, total });
    const launched = found(subclusterId, 'launched');
    // The answer is on its way to the kernel by then, which holds what it names.
    setTimeout(() => {
      for (const id of loop.over() === undefined ? loop.rows().holds.ids(`${session}.`) : []) {
        loop.feed({ type: 'release', session, kref: id.slice(session.length + 1) });
      }
    }, 0);
    return {
      ...launched,
      ...(bootstrapResult && { bootstrapResult: kunser(bootstrapResult) }),
    };
  };

  /** Insists that the root has the methods that the caller was built for, as far as the kernel knows its methods. */
  const insistMethods = (id: SubclusterId, request: LaunchRequest, reload: boolean): void => {
    const { vats, config } = rows().subclusters.getRequired(id);
    const shape = rows().shapes.get(`${vats[config.bootstrap]}.o+0`);
    const missing = request.expects?.filter((method) => !shape?.methods.includes(method)) ?? [];
    if (shape === undefined || missing.length === 0) return;
    throw new KernelError(
      'INTERFACE_MISMATCH',
      `"${request.name}" (${id}) runs ${reload ? 'a newer' : 'another'} definition, whose root has no ${missing.join(', ')}`,
      { data: { name: request.name, missing, ...(reload && { reload: true }) } },
    );
  };

  const launch = async (
    request: LaunchRequest,
    onStep: (step: LaunchStep) => void,
  ): Promise<NamedLaunch> => {
    const config = ClusterConfigStruct.check(request.config);
    for (const vat of Object.keys(config.vats)) onStep({ step: 'fetching', vat });
    const fetched = await launches.fetch(config, (vat, chars) =>
      onStep({ step: 'fetching', vat, chars }),
    );
    const definition = await definitionHash(config, fetched);
    let id = subclusterOf(request.name);
    if (id !== undefined && config.forceReset) {
      await terminateNow(id);
      id = undefined;
    }
    if (id === undefined) return launchNew(request, config, fetched, definition, onStep);
    const row = rows().subclusters.getRequired(id);
    if (row.definition === definition) return found(id, 'joined');
    const isPast = row.past?.includes(definition) === true;
    if (isPast && !request.rollback) {
      insistMethods(id, request, true);
      return found(id, 'kept');
    }
    const onChange = request.onChange ?? 'upgrade';
    if (onChange === 'keep') {
      insistMethods(id, request, false);
      return found(id, 'kept');
    }
    if (onChange === 'error') {
      throw new KernelError(
        'INTERFACE_MISMATCH',
        `"${request.name}" (${id}) runs another definition, and the launch asks for an error then (onChange)`,
        { data: { name: request.name } },
      );
    }
    await upgrade(id, request, config, fetched, definition, onStep);
    return found(id, 'upgraded');
  };

  type Code = { config: VatConfig; bundleHash: string; content: string };

  const upgradeVat = async (vatId: VatId, code: Code, fetched?: FetchedBundles): Promise<void> => {
    read(await loop.request({ type: 'upgrade-vat', vatId, ...code }), fetched);
  };

  const upgrade = async (
    id: SubclusterId,
    request: LaunchRequest,
    config: ClusterConfig,
    fetched: FetchedBundles,
    definition: string,
    onStep: (step: LaunchStep) => void,
  ): Promise<void> => {
    const { vats: members, config: old } = rows().subclusters.getRequired(id);
    const added = Object.keys(config.vats).filter((name) => !Object.hasOwn(members, name));
    const removed = Object.keys(members).filter((name) => !Object.hasOwn(config.vats, name));
    const refuse = (why: string): never => {
      throw new KernelError(
        'UPGRADE_FAILED',
        `"${request.name}" (${id}) was not upgraded: ${why}`,
        {
          data: { name: request.name, subclusterId: id },
        },
      );
    };
    if (config.bootstrap !== old.bootstrap)
      refuse(`its bootstrap vat would be ${config.bootstrap} instead of ${old.bootstrap}`);
    if (
      canonical(old.services ?? []) !== canonical(config.services ?? []) ||
      canonical(old.io ?? {}) !== canonical(config.io ?? {})
    )
      refuse('its services or channels would be others; terminate it first');
    if (removed.length > 0 && !request.allowRemoval)
      refuse(
        `its vats ${removed.join(', ')} would be removed with their state; allowRemoval does that`,
      );
    if (added.length > 0)
      refuse(
        `its vats ${added.join(', ')} would be new; terminate it first, or launch them under a name of their own`,
      );

    const changes = Object.entries(members).flatMap(([name, vatId]) => {
      const vat = rows().vats.getRequired(vatId);
      const vatConfig = config.vats[name];
      const bundleHash = fetched.bundles[name];
      if (vatConfig === undefined || bundleHash === undefined) return [];
      const isSame = vat.bundleHash === bundleHash && sameGrants(vat.config, vatConfig);
      if (isSame) return [];
      const before: Code = {
        config: vat.config,
        bundleHash: vat.bundleHash,
        content: rows().bundles.getRequired(vat.bundleHash),
      };
      const after: Code = {
        config: vatConfig,
        bundleHash,
        content: fetched.contents[bundleHash] as string,
      };
      return [{ name, vatId, before, after }];
    });
    const total = changes.length;
    for (const [done, { vatId, after, name }] of changes.entries()) {
      onStep({ step: 'upgrading', done, total });
      try {
        await upgradeVat(vatId, after, fetched);
      } catch (cause) {
        await undo(changes.slice(0, done));
        throw new KernelError(
          'UPGRADE_FAILED',
          `"${request.name}" (${id}) was not upgraded: vat ${name}: ${messageOf(cause)}`,
          { cause, data: { name: request.name, subclusterId: id, vat: name } },
        );
      }
    }
    onStep({ step: 'upgrading', done: total, total });
    for (const name of removed) {
      read(await loop.request({ type: 'terminate-vat', vatId: members[name] as VatId }));
    }
    read(await loop.request({ type: 'define', subclusterId: id, definition, config, pastMax }));
    await tellUpgraded(id);
  };

  /** The old code goes on, on the state that the new code has left. */
  const undo = async (done: { vatId: VatId; name: string; before: Code }[]): Promise<void> => {
    for (const { vatId, name, before } of done.reverse()) {
      try {
        await upgradeVat(vatId, before);
      } catch (thrown) {
        log(
          'error',
          ['kernel', vatId],
          [
            `vat ${vatId} (${name}) keeps its new code, though the upgrade of its subcluster failed: ${messageOf(thrown)}`,
          ],
        );
      }
    }
  };

  /** Calls the root's `upgraded(vats, services)` where it has one; what it throws is the caller's to hear. */
  const tellUpgraded = async (id: SubclusterId): Promise<void> => {
    const { vats, config } = rows().subclusters.getRequired(id);
    const root = vats[config.bootstrap] as VatId;
    if (!rows().shapes.get(`${root}.o+0`)?.methods.includes('upgraded')) return;
    const roots = Object.fromEntries(
      Object.entries(vats).map(([name, vatId]) => [name, kslot(rootOf(vatId), 'vatRoot')]),
    );
    const services = Object.fromEntries(
      (config.services ?? []).map((name) => [
        name,
        kslot(rows().services.getRequired(name).kref, 'KernelService'),
      ]),
    );
    lastHolder += 1;
    const session = `l${lastHolder}`;
    const outcome = await loop.request({
      type: 'send',
      session,
      target: rootOf(root),
      methargs: kserMethargs('upgraded', [roots, services]),
    });
    const { slots } = read(outcome) as CapData<KRef>;
    for (const kref of slots) loop.feed({ type: 'release', session, kref });
  };

  const terminateNow = async (subclusterId: SubclusterId): Promise<void> => {
    read(await loop.request({ type: 'terminate-subcluster', subclusterId }));
  };

  return {
    /** @throws KernelError as `Kernel.launchSubcluster`; INTERFACE_MISMATCH; UPGRADE_FAILED. */
    launch(request: unknown, onStep: (step: LaunchStep) => void): Promise<NamedLaunch> {
      const checked = RequestStruct.check(request);
      return inTurn(checked.name, () => launch(checked, onStep));
    },

    /** Terminates what was launched under a name. Returns whether there was such a subcluster. */
    async terminate(name: unknown): Promise<boolean> {
      if (typeof name !== 'string') {
        throw new TypeError(`a subcluster's name is text; found ${describe(name)}`);
      }
      return inTurn(name, async () => {
        const id = subclusterOf(name);
        if (id !== undefined) await terminateNow(id);
        return id !== undefined;
      });
    },
  };
}

/** Where a vat's code comes from is no matter, only what it is. */
const withoutSource = ({ bundleSpec: _, sourceSpec: __, bundleName: ___, ...rest }: VatConfig) =>
  rest;

const sameGrants = (a: VatConfig, b: VatConfig): boolean =>
  canonical(withoutSource(a)) === canonical(withoutSource(b));

function definitionHash(config: ClusterConfig, { bundles }: FetchedBundles): Promise<string> {
  const { forceReset: _, bundles: __, vats, ...rest } = config;
  const definition = Object.entries(vats).map(([name, vat]) => [
    name,
    { ...withoutSource(vat), bundle: bundles[name] },
  ]);
  return sha256(canonical({ ...rest, vats: Object.fromEntries(definition) as object }));
}

export type NamedLaunches = ReturnType<typeof makeNamedLaunches>;
