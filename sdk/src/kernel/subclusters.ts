/**
 * Subclusters: launched as a whole or not at all.
 *
 * `launching` from the moment the rows exist until every vat has started and `bootstrap` has been answered, then
 * `running`. Nothing waits in between: a vat may launch another subcluster from inside its bootstrap. One that a
 * kernel finds `launching` when it starts was cut off and is removed.
 */
import type { CapData } from '../protocol/capdata.js';
import { kserMethargs, kslot } from '../protocol/kernel-values.js';
import type { KRef, SubclusterId, VatId, VRef } from '../protocol/refs.js';
import type {
  ErrorData,
  KernelEffect,
  LaunchEvent,
  RequestId,
  ThrownData,
  VatStack,
} from './events.js';
import { rejection, type Settlement, type Messages } from './messages.js';
import type { References } from './references.js';
import { krefOrder, type KernelRows, type SubclusterRow } from './rows.js';
import type { SubclusterUpgrades } from './subcluster-upgrades.js';
import type { Traces } from './traces.js';
import type { FirstStart, Vats } from './vats.js';

export type SubclusterPowers = {
  rows: KernelRows;
  references: References;
  messages: Messages;
  traces: Traces;
  vats: Vats;
  emit: (effect: KernelEffect) => void;
  /** Calls back in the step in which the promise settles, once what it settled is counted. */
  whenSettled: (promise: KRef, then: (settlement: Settlement) => void) => void;
  /** The session that asked holds these from now on. */
  handTo: (session: string, krefs: readonly KRef[]) => void;
  /** A service of this subcluster's own: an IO channel. */
  registerService: (name: string, vref: VRef) => void;
  unregisterService: (name: string) => void;
  upgrades: () => SubclusterUpgrades;
};

/** What a launch waits for; memory only, for a launch does not outlive its kernel's process. */
type Launch = {
  requestId: RequestId;
  session: string;
  starting: Set<VatId>;
  bootstrap: boolean;
  /** Of each vat that has one, a rejection that nobody has looked at so far. */
  uncaught: Map<VatId, ThrownData>;
};

const vatDeleted = (detail?: string): Settlement =>
  rejection('VAT_TERMINATED', detail ?? 'Vat was deleted.');

export function makeSubclusters(powers: SubclusterPowers) {
  const {
    rows,
    references,
    messages,
    vats,
    emit,
    whenSettled,
    handTo,
    registerService,
    unregisterService,
  } = powers;
  const launches = new Map<SubclusterId, Launch>();

  const failRequest = (requestId: RequestId, error: ErrorData): void =>
    emit({ type: 'answer', requestId, outcome: { type: 'failed', error } });

  /** Why this configuration cannot be launched here, if so. */
  const objection = ({
    config,
    bundles,
    contents,
    system,
    name,
    io,
    subclusterId,
  }: LaunchEvent): string | undefined => {
    if (subclusterId !== undefined && rows.subclusters.has(subclusterId)) {
      return `there is a subcluster ${subclusterId}`;
    }
    if (name !== undefined && rows.names.has(name)) {
      return `there is a subcluster called "${name}": ${rows.names.get(name)}`;
    }
    if (!Object.hasOwn(config.vats, config.bootstrap)) {
      return `invalid bootstrap vat name "${config.bootstrap}": the vats are ${Object.keys(config.vats).join(', ')}`;
    }
    for (const wanted of config.services ?? []) {
      const service = rows.services.get(wanted);
      // One text for both, so that a subcluster cannot ask which system services there are.
      if (service === undefined || (service.systemOnly && !system)) {
        return `no registered kernel service '${wanted}'`;
      }
    }
    for (const channel of Object.keys(config.io ?? {})) {
      if (!Object.hasOwn(io ?? {}, channel)) return `IO channel ${channel} is not open`;
    }
    for (const vat of Object.keys(config.vats)) {
      const hash = bundles[vat];
      if (hash === undefined || !(rows.bundles.has(hash) || Object.hasOwn(contents, hash))) {
        return `vat ${vat} has no bundle`;
      }
    }
    return undefined;
  };

  const removeVat = (vatId: VatId, reason: Settlement): void => {
    const { subcluster } = rows.vats.getRequired(vatId);
    vats.terminate(vatId, reason);
    const row = rows.subclusters.get(subcluster);
    if (row === undefined) return;
    const rest = Object.entries(row.vats).filter(([, id]) => id !== vatId);
    if (rest.length === 0) removeRow(subcluster, row);
    else rows.subclusters.set(subcluster, { ...row, vats: Object.fromEntries(rest) });
  };

  const remove = (id: SubclusterId, reason: Settlement): void => {
    const row = rows.subclusters.get(id);
    if (row === undefined) return;
    for (const vatId of Object.values(row.vats).reverse()) removeVat(vatId, reason);
  };

  const removeRow = (id: SubclusterId, { config, name }: SubclusterRow): void => {
    rows.subclusters.delete(id);
    if (name !== undefined) rows.names.delete(name);
    for (const channel of Object.keys(config.io ?? {}))
      unregisterService(channelService(id, channel));
  };

  const undo = (id: SubclusterId, error: ErrorData): void => {
    const launch = launches.get(id);
    launches.delete(id);
    remove(id, vatDeleted(`The launch of subcluster ${id} failed: ${error.message}`));
    if (launch !== undefined) failRequest(launch.requestId, error);
  };

  /** Undoes a launch in which a rejection stands that nobody has looked at. */
  const undoUncaught = (id: SubclusterId): boolean => {
    const [first] = launches.get(id)?.uncaught ?? [];
    if (first === undefined) return false;
    const [vatId, cause] = first;
    const { name } = rows.vats.getRequired(vatId);
    undo(id, {
      code: 'LAUNCH_FAILED',
      message: `uncaught rejection in vat ${vatId} (${name}) during its launch: ${cause.message}`,
      cause: { ...cause, vatId },
      data: { vatId, name },
    });
    return true;
  };

  const succeed = (id: SubclusterId, bootstrapResult?: CapData<KRef>): void => {
    const launch = launches.get(id);
    launches.delete(id);
    const row = rows.subclusters.getRequired(id);
    rows.subclusters.set(id, { ...row, condition: 'running' });
    for (const vatId of Object.values(row.vats)) {
      const vat = rows.vats.getRequired(vatId);
      // One that has failed too often since its start is in quarantine, and stays there.
      if (vat.condition === 'launching') rows.vats.set(vatId, { ...vat, condition: 'running' });
    }
    if (launch === undefined) return;
    const rootKref = rootOf(row);
    const result = {
      subclusterId: id,
      rootKref,
      ...(bootstrapResult !== undefined && { bootstrapResult }),
    };
    handTo(launch.session, [rootKref, ...(bootstrapResult?.slots ?? [])]);
    emit({ type: 'answer', requestId: launch.requestId, outcome: { type: 'done', result } });
  };

  const rootOf = (row: SubclusterRow): KRef =>
    rows.vats.getRequired(row.vats[row.config.bootstrap] as VatId).root;

  /** What `bootstrap` and `upgraded` take: the vats' roots and the services, by name. */
  const rootsAndServices = (id: SubclusterId): [object, object] => {
    const row = rows.subclusters.getRequired(id);
    const roots = Object.entries(row.vats).map(([name, vatId]) => [
      name,
      kslot(rows.vats.getRequired(vatId).root, 'vatRoot'),
    ]);
    const services = [
      ...(row.config.services ?? []).map((name) => [name, name] as const),
      // Under its own name, though the configuration's `services` does not list it.
      ...Object.keys(row.config.io ?? {}).map((name) => [name, channelService(id, name)] as const),
    ].map(([name, service]) => [
      name,
      kslot(rows.services.getRequired(service).kref, 'KernelService'),
    ]);
    return [Object.fromEntries(roots) as object, Object.fromEntries(services) as object];
  };

  const sendBootstrap = (id: SubclusterId): void => {
    const result = references.makePromise(null);
    whenSettled(result, ({ rejected, value, stack }) => {
      if (!launches.has(id)) return;
      if (rejected) undo(id, bootstrapError(id, value, stack));
      else if (!undoUncaught(id)) succeed(id, value);
    });
    const root = rootOf(rows.subclusters.getRequired(id));
    const methargs = kserMethargs('bootstrap', rootsAndServices(id));
    powers.traces.sent(null, root, { methargs, result });
    messages.route(root, { methargs, result });
  };

  const bootstrapError = (
    id: SubclusterId,
    value: CapData<KRef>,
    stack: VatStack | undefined,
  ): ErrorData => {
    const { bootstrap } = rows.subclusters.getRequired(id).config;
    const cause = thrownOf(value, stack);
    return {
      code: 'LAUNCH_FAILED',
      message: `bootstrap of vat ${bootstrap} rejected: ${cause.message}`,
      cause,
      data: {
        subclusterId: id,
        name: bootstrap,
        reason: value.slots.length === 0 ? value : undefined,
      },
    };
  };

  return {
    launch(event: LaunchEvent): void {
      const problem = objection(event);
      if (problem !== undefined) {
        failRequest(event.requestId, { code: 'BAD_CONFIG', message: problem });
        return;
      }
      const id = event.subclusterId ?? `s${rows.nextId('subcluster')}`;
      const members: { [name: string]: VatId } = {};
      for (const [name, config] of Object.entries(event.config.vats)) {
        const bundleHash = event.bundles[name] as string;
        if (!rows.bundles.has(bundleHash)) {
          rows.bundles.set(bundleHash, event.contents[bundleHash] as string);
        }
        members[name] = vats.make(name, id, { config, bundleHash });
      }
      rows.subclusters.set(id, {
        config: event.config,
        vats: members,
        condition: 'launching',
        ...(event.system && { system: true }),
        ...(event.name !== undefined && { name: event.name }),
        ...(event.definition !== undefined && { definition: event.definition }),
        ...(event.interfaces !== undefined && { interfaces: event.interfaces }),
      });
      if (event.name !== undefined) rows.names.set(event.name, id);
      for (const [channel, vref] of Object.entries(event.io ?? {})) {
        registerService(channelService(id, channel), vref);
      }
      launches.set(id, {
        requestId: event.requestId,
        session: event.session,
        starting: new Set(Object.values(members)),
        bootstrap: event.bootstrap ?? true,
        uncaught: new Map(),
      });
      for (const vatId of Object.values(members)) vats.requestStart(vatId);
    },

    /**
     * Code of a vat left a promise rejected, or has looked at all of them. One that stands when bootstrap is done makes
     * a launch fail; later it is only logged.
     */
    onUncaught(vatId: VatId, cause: ThrownData | null): void {
      if (powers.upgrades().onUncaught(vatId, cause)) return;
      const { subcluster } = rows.vats.getRequired(vatId);
      const launch = launches.get(subcluster);
      if (cause === null) launch?.uncaught.delete(vatId);
      else launch?.uncaught.set(vatId, cause);
      if (launch?.starting.has(vatId)) undoUncaught(subcluster);
    },

    isLaunching: (): boolean => launches.size > 0,

    /** Nothing is under way that could still look at a rejection, or settle a bootstrap that waits for it. */
    onRest(): void {
      for (const id of [...launches.keys()]) undoUncaught(id);
    },

    /** A vat of a launching subcluster has started, or could not. */
    onFirstStart(vatId: VatId, start: FirstStart): void {
      if (powers.upgrades().onFirstStart(vatId, start)) return;
      const id = rows.vats.getRequired(vatId).subcluster;
      const launch = launches.get(id);
      if (launch === undefined) return;
      if ('failure' in start) {
        undo(id, start.failure);
        return;
      }
      launch.uncaught.delete(vatId);
      // One that was lost after its start and has started again: what that start led to is under way.
      if (!launch.starting.delete(vatId)) return;
      const { vats: members, config } = rows.subclusters.getRequired(id);
      if (vatId === members[config.bootstrap]) launch.bootstrap &&= start.hasBootstrap;
      if (launch.starting.size > 0) return;
      if (launch.bootstrap) sendBootstrap(id);
      else succeed(id);
    },

    terminate(id: SubclusterId): void {
      const message = `Subcluster ${id} was terminated while it was upgraded`;
      powers.upgrades().cancel(id, { code: 'UPGRADE_FAILED', message });
      const launch = launches.get(id);
      if (launch !== undefined) {
        undo(id, {
          code: 'LAUNCH_FAILED',
          message: `Subcluster ${id} was terminated while it launched`,
        });
      } else remove(id, vatDeleted());
    },

    /** One vat ends. A launch that needs it fails as a whole. */
    terminateVat(vatId: VatId, reason?: Settlement): void {
      if (powers.upgrades().onTerminate(vatId)) return;
      const { subcluster, name } = rows.vats.getRequired(vatId);
      if (launches.has(subcluster)) {
        const why = reason === undefined ? '' : `: ${thrownOf(reason.value, undefined).message}`;
        undo(subcluster, {
          code: 'LAUNCH_FAILED',
          message: `Vat ${vatId} (${name}) was terminated while its subcluster launched${why}`,
        });
      } else removeVat(vatId, reason ?? vatDeleted());
    },

    rootsAndServices,

    /** Launches that the end of an earlier process cut off. */
    removeCutOff(): void {
      for (const id of rows.subclusters.ids().sort(krefOrder)) {
        if (rows.subclusters.getRequired(id).condition === 'launching') {
          remove(id, vatDeleted(`The launch of subcluster ${id} was cut off`));
        }
      }
      powers.upgrades().removeCutOff();
    },
  };
}

/** The name of the service that is a subcluster's IO channel. */
export const channelService = (id: SubclusterId, channel: string): string => `io:${id}:${channel}`;

/** An error's name, message and stack from a rejection's smallcaps body, as far as it has them. */
export function thrownOf(value: CapData<KRef>, stack: VatStack | undefined) {
  let message = value.body;
  let name = 'Error';
  try {
    const parsed: unknown = JSON.parse(value.body.slice(1));
    if (typeof parsed === 'object' && parsed !== null && '#error' in parsed) {
      message = String(parsed['#error']);
      if ('name' in parsed) name = String(parsed.name);
    }
  } catch {
    // Not ours to repair: the body as it is says more than nothing.
  }
  return { name, message, ...(stack && { stack: stack.text, vatId: stack.vatId }) };
}

export type Subclusters = ReturnType<typeof makeSubclusters>;
