/**
 * A subcluster given another definition, in one change set: changed vats get other code on their state, new vats come,
 * others go. Until all new code has started nothing of it counts, and the old code waits; where one does not start, the
 * old code goes on as if nothing had been tried. What is under way is memory only: it ends with its kernel's process.
 */
import { kserMethargs } from '../protocol/kernel-values.js';
import type { ClusterConfig } from '../protocol/config.js';
import type { KRef, SubclusterId, VatId, VRef } from '../protocol/refs.js';
import type { ErrorData, KernelEffect, SubclusterUpgradeEvent, ThrownData } from './events.js';
import { rejection, type Messages, type Settlement } from './messages.js';
import type { References } from './references.js';
import type { KernelRows, SubclusterRow } from './rows.js';
import type { Shapes } from './shapes.js';
import { channelService, thrownOf } from './subclusters.js';
import type { Code } from './vat-runs.js';
import type { FirstStart, Vats } from './vats.js';
import type { Traces } from './traces.js';

export type SubclusterUpgradesPowers = {
  rows: KernelRows;
  references: References;
  messages: Messages;
  traces: Traces;
  shapes: Pick<Shapes, 'of'>;
  vats: Vats;
  emit: (effect: KernelEffect) => void;
  /** Deletes a bundle that no vat has. */
  dropBundle: (hash: string) => void;
  whenSettled: (promise: KRef, then: (settlement: Settlement) => void) => void;
  /** A service of this subcluster's own: an IO channel. */
  registerService: (name: string, vref: VRef) => void;
  unregisterService: (name: string) => void;
  /** `bootstrap(vats, services)` and `upgraded(vats, services)` take the same. */
  rootsAndServices: (id: SubclusterId) => unknown[];
};

type Upgrade = {
  event: SubclusterUpgradeEvent;
  /** Vats whose new code has yet to start. */
  starting: Set<VatId>;
  changed: VatId[];
  added: { [name: string]: VatId };
};

export function makeSubclusterUpgrades(powers: SubclusterUpgradesPowers) {
  const { rows, references, messages, vats, emit } = powers;
  const upgrades = new Map<SubclusterId, Upgrade>();

  const failRequest = ({ requestId }: SubclusterUpgradeEvent, error: ErrorData): void =>
    emit({ type: 'answer', requestId, outcome: { type: 'failed', error } });

  const cancel = (id: SubclusterId, error: ErrorData): void => {
    const upgrade = upgrades.get(id);
    if (upgrade === undefined) return;
    upgrades.delete(id);
    const why = { name: 'Error', message: `the upgrade of its subcluster failed` };
    for (const vatId of upgrade.changed) if (rows.vats.has(vatId)) vats.cancelUpgrade(vatId, why);
    const reason = rejection('VAT_TERMINATED', `The upgrade of subcluster ${id} failed`);
    for (const vatId of Object.values(upgrade.added)) {
      if (rows.vats.has(vatId)) vats.terminate(vatId, reason);
    }
    for (const hash of Object.values(upgrade.event.bundles)) powers.dropBundle(hash);
    failRequest(upgrade.event, error);
  };

  const failedStart = (id: SubclusterId, vatId: VatId, cause: ThrownData): void => {
    const name = rows.vats.get(vatId)?.name ?? vatId;
    cancel(id, {
      code: 'UPGRADE_FAILED',
      message: `vat ${name} (${vatId}): ${cause.message}`,
      cause: { ...cause, vatId },
      data: { subclusterId: id, vat: name },
    });
  };

  const started = (id: SubclusterId, vatId: VatId): void => {
    const upgrade = upgrades.get(id);
    upgrade?.starting.delete(vatId);
    // In a step of its own: it is done whole, and this one has done other things.
    if (upgrade?.starting.size === 0) emit({ type: 'tick-wanted' });
  };

  const objection = ({ subclusterId, config, bundles, contents }: SubclusterUpgradeEvent) => {
    const row = rows.subclusters.get(subclusterId);
    if (row === undefined) return `Subcluster does not exist. (${subclusterId})`;
    if (row.condition === 'launching')
      return `subcluster ${subclusterId} has not been launched yet`;
    if (upgrades.has(subclusterId)) return `subcluster ${subclusterId} is being upgraded already`;
    if (config.bootstrap !== row.config.bootstrap) {
      return `its bootstrap vat would be ${config.bootstrap} instead of ${row.config.bootstrap}`;
    }
    for (const name of config.services ?? []) {
      const service = rows.services.get(name);
      if (service === undefined || (service.systemOnly && !row.system)) {
        return `no registered kernel service '${name}'`;
      }
    }
    const without = Object.keys(config.vats).find((name) => {
      const hash = bundles[name];
      return hash === undefined || !(rows.bundles.has(hash) || Object.hasOwn(contents, hash));
    });
    return without === undefined ? undefined : `vat ${without} has no bundle`;
  };

  const begin = (event: SubclusterUpgradeEvent): void => {
    const { subclusterId: id, config, changed, bundles, contents } = event;
    const problem = objection(event);
    if (problem !== undefined) {
      failRequest(event, { code: 'UPGRADE_FAILED', message: problem, data: { subclusterId: id } });
      return;
    }
    const { vats: members } = rows.subclusters.getRequired(id);
    const upgrade: Upgrade = { event, starting: new Set(), changed: [], added: {} };
    upgrades.set(id, upgrade);
    for (const [name, vatConfig] of Object.entries(config.vats)) {
      const known = members[name];
      if (known !== undefined && !changed.includes(name)) continue;
      const bundleHash = bundles[name] as string;
      if (!rows.bundles.has(bundleHash)) {
        rows.bundles.set(bundleHash, contents[bundleHash] as string);
      }
      const vatId = known ?? vats.make(name, id, { config: vatConfig, bundleHash });
      upgrade.starting.add(vatId);
      if (known === undefined) upgrade.added[name] = vatId;
      else if (!beginVat(upgrade, vatId, { bundleHash, config: vatConfig })) return;
    }
    for (const vatId of Object.values(upgrade.added)) vats.requestStart(vatId);
    if (upgrade.starting.size === 0) emit({ type: 'tick-wanted' });
  };

  /** Returns whether the upgrade goes on: the vat may be upgraded by somebody else already. */
  const beginVat = (upgrade: Upgrade, vatId: VatId, code: Code): boolean => {
    const { subclusterId: id } = upgrade.event;
    vats.upgrade(vatId, {
      ...code,
      onStarted: () => started(id, vatId),
      onCancelled: (why) => failedStart(id, vatId, why),
    });
    if (upgrades.get(id) !== upgrade) return false;
    upgrade.changed.push(vatId);
    return true;
  };

  /** All has started: in this step the old is over and the new begins, or neither. */
  const complete = (id: SubclusterId, { event, changed, added }: Upgrade): void => {
    if (!vats.applyUpgrades(changed)) return;
    upgrades.delete(id);
    const row = rows.subclusters.getRequired(id);
    const { config, definition, interfaces, pastMax } = event;
    const rest = Object.entries(row.vats).filter(([name]) => Object.hasOwn(config.vats, name));
    const removed = Object.entries(row.vats).filter(([name]) => !Object.hasOwn(config.vats, name));
    const earlier = [
      ...(row.definition === undefined ? [] : [row.definition]),
      ...(row.past ?? []),
    ];
    const { interfaces: _, ...others } = row;
    const next: SubclusterRow = {
      ...others,
      config,
      vats: { ...Object.fromEntries(rest), ...added },
      definition,
      past: earlier.filter((hash) => hash !== definition).slice(0, pastMax),
      ...(interfaces !== undefined && { interfaces }),
    };
    rows.subclusters.set(id, next);
    replaceChannels(id, row.config, event);
    for (const vatId of Object.values(added)) {
      const vat = rows.vats.getRequired(vatId);
      if (vat.condition === 'launching') rows.vats.set(vatId, { ...vat, condition: 'running' });
    }
    const reason = rejection('VAT_TERMINATED', 'Vat was removed by an upgrade of its subcluster.');
    for (const [, vatId] of removed) vats.terminate(vatId, reason);
    tellRoot(id, event);
  };

  /** Those that are gone or were opened anew are closed; the others stay as they are. */
  const replaceChannels = (
    id: SubclusterId,
    before: ClusterConfig,
    { config, io = {} }: SubclusterUpgradeEvent,
  ): void => {
    for (const name of Object.keys(before.io ?? {})) {
      const stays = Object.hasOwn(config.io ?? {}, name) && !Object.hasOwn(io, name);
      if (!stays) powers.unregisterService(channelService(id, name));
    }
    for (const [name, vref] of Object.entries(io)) {
      powers.registerService(channelService(id, name), vref);
    }
  };

  /** Calls the root's `upgraded(vats, services)` where it has one; what it throws is the caller's to hear. */
  const tellRoot = (id: SubclusterId, event: SubclusterUpgradeEvent): void => {
    const { vats: members, config } = rows.subclusters.getRequired(id);
    const done = (): void =>
      emit({ type: 'answer', requestId: event.requestId, outcome: { type: 'done', result: null } });
    const rootVat = members[config.bootstrap];
    // It may have been terminated while the others started.
    if (rootVat === undefined) return done();
    const { root } = rows.vats.getRequired(rootVat);
    if (!powers.shapes.of(root)?.methods.includes('upgraded')) return done();
    const result = references.makePromise(null);
    powers.whenSettled(result, ({ rejected, value, stack }) => {
      if (!rejected) return done();
      const cause = thrownOf(value, stack);
      failRequest(event, {
        code: 'DELIVERY_FAILED',
        message: `upgraded() of vat ${config.bootstrap} rejected: ${cause.message}`,
        cause,
        data: { subclusterId: id },
      });
    });
    const methargs = kserMethargs('upgraded', powers.rootsAndServices(id));
    powers.traces.sent(null, root, { methargs, result });
    messages.route(root, { methargs, result });
  };

  const upgradeWith = (vatId: VatId): SubclusterId | undefined => {
    for (const [id, { added }] of upgrades) if (Object.values(added).includes(vatId)) return id;
    return undefined;
  };

  return {
    begin,
    cancel,

    /** Upgrades whose code has started take effect. */
    onTick(): void {
      const due = [...upgrades].find(([, { starting }]) => starting.size === 0);
      if (due === undefined) return;
      complete(...due);
      // Each in a step of its own.
      if ([...upgrades.values()].some(({ starting }) => starting.size === 0))
        emit({ type: 'tick-wanted' });
    },

    /** Is it a new vat of an upgrade that has not taken effect? Then its start, or its failure, is that upgrade's. */
    onFirstStart(vatId: VatId, start: FirstStart): boolean {
      const id = upgradeWith(vatId);
      if (id === undefined) return false;
      if ('failure' in start) {
        const { cause, message } = start.failure;
        failedStart(id, vatId, cause ?? { name: 'Error', message });
      } else started(id, vatId);
      return true;
    },

    onUncaught(vatId: VatId, cause: ThrownData | null): boolean {
      const id = upgradeWith(vatId);
      if (id === undefined) return false;
      if (cause !== null && upgrades.get(id)?.starting.has(vatId)) failedStart(id, vatId, cause);
      return true;
    },

    /** A new vat ends itself before the upgrade has taken effect. */
    onTerminate(vatId: VatId): boolean {
      const id = upgradeWith(vatId);
      if (id === undefined) return false;
      failedStart(id, vatId, { name: 'Error', message: 'it was terminated meanwhile' });
      return true;
    },

    /** New vats of upgrades that the end of an earlier process cut off. */
    removeCutOff(): void {
      for (const vatId of rows.vats.ids()) {
        const { subcluster, name } = rows.vats.getRequired(vatId);
        if (rows.subclusters.get(subcluster)?.vats[name] === vatId) continue;
        vats.terminate(vatId, rejection('VAT_TERMINATED', 'The upgrade was cut off'));
      }
    },
  };
}

export type SubclusterUpgrades = ReturnType<typeof makeSubclusterUpgrades>;
