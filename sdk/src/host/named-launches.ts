/**
 * Launches by name: one subcluster for each name, launched once and found again, its vats upgraded where its definition
 * has changed.
 *
 * One thing at a time is done under a name, whoever asked: who asks meanwhile waits and finds what was done.
 */
import { KernelError, isKernelError } from '../errors.js';
import { limits } from '../limits.js';
import type { CapData } from '../protocol/capdata.js';
import { ClusterConfigStruct, type ClusterConfig, type VatConfig } from '../protocol/config.js';
import { describe } from '../protocol/describe.js';
import { kslot, kunser, type StandIn } from '../protocol/kernel-values.js';
import type { InterfaceInfo } from '../protocol/definition.js';
import { interfaceDifferences } from '../protocol/interface-differences.js';
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

export type NamedLaunch = LaunchValue & {
  subclusterId: SubclusterId;
  root: StandIn;
  roots: { [vat: string]: StandIn };
};

export type NamedLaunchesPowers = {
  loop: EventLoop;
  launches: Launches;
  read: (outcome: Outcome, fetched?: FetchedBundles) => unknown;
};

const anything: Shape<unknown> = (value) => value ?? null;
const number: Shape<number> = (value, path, report) =>
  typeof value === 'number' ? value : report(path, `needs a number; found ${describe(value)}`);

/** `{ list: 'query' }`, `{ list: '() => string[]' }`. */
const texts: Shape<{ [method: string]: string }> = (value, path, report) =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every((each) => typeof each === 'string')
    ? (value as { [method: string]: string })
    : report(path, `needs a record of texts; found ${describe(value)}`);
const interfaceInfo = object<InterfaceInfo>(
  {
    name: text('the name of an interface', 1_000),
    hash: text('a hash', 1_000),
    methods: texts as Shape<InterfaceInfo['methods']>,
    signatures: texts,
  },
  ['name', 'hash', 'methods', 'signatures'],
);

const RequestStruct = makeStruct<LaunchRequest>(
  'invalid launch',
  object<LaunchRequest>(
    {
      name: text('the name of a definition, or `as`', limits.configNameCharsMax),
      config: anything,
      onChange: oneOf(['upgrade', 'keep', 'error']),
      allowRemoval: boolean,
      rollback: boolean,
      interfaces: listOf(interfaceInfo),
      progress: number,
    },
    ['name', 'config'],
  ),
);

/** Definitions that a name had before, as many as are remembered. */
const pastMax = 100;
/** Krefs of a bootstrap's result are held under a session of their own until the client holds them. */
let lastHolder = 0;

const interfacesOf = ({ interfaces }: LaunchRequest): Pick<LaunchRequest, 'interfaces'> =>
  interfaces === undefined ? {} : { interfaces };

export function makeNamedLaunches({ loop, launches, read }: NamedLaunchesPowers) {
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
      named: { name: request.name, definition, ...interfacesOf(request) },
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

  /** Insists that what runs does for callers that were built for the request's interfaces, as far as is known of it. */
  const insistFits = (
    id: SubclusterId,
    { name, interfaces = [] }: LaunchRequest,
    reload: boolean,
  ): void => {
    const [root] = interfaces;
    if (root === undefined) return;
    const { vats, config, interfaces: known } = rows().subclusters.getRequired(id);
    const shape = rows().shapes.get(`${vats[config.bootstrap]}.o+0`);
    const differences =
      known !== undefined
        ? interfaceDifferences(interfaces, known)
        : shape === undefined
          ? []
          : Object.keys(root.methods)
              .filter((method) => !shape.methods.includes(method))
              .map((method) => `${root.name}.${method} is gone`);
    if (differences.length === 0) return;
    throw new KernelError(
      'INTERFACE_MISMATCH',
      `"${name}" (${id}) runs ${reload ? 'a newer' : 'another'} definition, which does not do for this caller: ${differences.join('; ')}${reload ? '. Reload the page' : ''}`,
      { data: { name, differences, ...(reload && { reload: true }) } },
    );
  };

  /** Was it launched, or upgraded, from this very configuration, addresses included? */
  const isOf = (id: SubclusterId, config: ClusterConfig): boolean =>
    !config.forceReset &&
    canonical(rows().subclusters.getRequired(id).config) === canonical(config);

  const launch = async (
    request: LaunchRequest,
    onStep: (step: LaunchStep) => void,
  ): Promise<NamedLaunch> => {
    const config = ClusterConfigStruct.check(request.config);
    for (const vat of Object.keys(config.vats)) onStep({ step: 'fetching', vat });
    let fetched: FetchedBundles;
    try {
      fetched = await launches.fetch(config, (vat, chars) =>
        onStep({ step: 'fetching', vat, chars }),
      );
    } catch (thrown) {
      const known = subclusterOf(request.name);
      if (known === undefined || !isUnanswered(thrown) || !isOf(known, config)) throw thrown;
      insistFits(known, request, false);
      return found(known, 'kept');
    }
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
      insistFits(id, request, true);
      return found(id, 'kept');
    }
    const onChange = request.onChange ?? 'upgrade';
    if (onChange === 'keep') {
      insistFits(id, request, false);
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

  const upgrade = async (
    id: SubclusterId,
    request: LaunchRequest,
    config: ClusterConfig,
    fetched: FetchedBundles,
    definition: string,
    onStep: (step: LaunchStep) => void,
  ): Promise<void> => {
    const { vats: members } = rows().subclusters.getRequired(id);
    const failed = (why: string, cause?: unknown, more?: unknown): KernelError =>
      new KernelError('UPGRADE_FAILED', `"${request.name}" (${id}) was not upgraded: ${why}`, {
        cause,
        data: { ...(more as object | undefined), name: request.name, subclusterId: id },
      });
    const removed = Object.keys(members).filter((name) => !Object.hasOwn(config.vats, name));
    if (removed.length > 0 && !request.allowRemoval)
      throw failed(
        `its vats ${removed.join(', ')} would be removed with their state; allowRemoval does that`,
      );
    const changed = Object.entries(members).flatMap(([name, vatId]) => {
      const vat = rows().vats.getRequired(vatId);
      const after = config.vats[name];
      if (after === undefined) return [];
      return vat.bundleHash === fetched.bundles[name] && sameGrants(vat.config, after) ? [] : name;
    });
    const added = Object.keys(config.vats).length + removed.length - Object.keys(members).length;
    const total = changed.length + added;
    onStep({ step: 'upgrading', done: 0, total });
    const { io, undo } = await launches.changeChannels(id, config).catch((thrown: unknown) => {
      throw failed(messageOf(thrown), thrown);
    });
    const outcome = await loop.request({
      type: 'upgrade-subcluster',
      subclusterId: id,
      config,
      ...fetched,
      changed,
      definition,
      ...interfacesOf(request),
      pastMax,
      io,
    });
    try {
      read(outcome, fetched);
    } catch (thrown) {
      if (loop.over() === undefined) await undo();
      if (!isKernelError(thrown, 'UPGRADE_FAILED')) throw thrown;
      throw failed(thrown.message.replace(/^\[[^\]]*\] /, ''), thrown.cause, thrown.data);
    }
    onStep({ step: 'upgrading', done: total, total });
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

/** Nobody was there to be asked for the code: an answer of 404 is an answer. What runs may do without. */
const isUnanswered = (thrown: unknown): boolean => {
  const cause = isKernelError(thrown, 'BAD_CONFIG') ? thrown.cause : undefined;
  return cause instanceof TypeError || (cause as Error | undefined)?.name === 'TimeoutError';
};

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
