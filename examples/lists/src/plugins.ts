/** The gallery. To the app they are strangers, as is any bundle whose address is pasted. */
import { nosy } from '../plugins/nosy.vat.gen.js';
import { aisles } from '../plugins/aisles.vat.gen.js';
import { tally } from '../plugins/tally.vat.gen.js';

export type Plugin = {
  name: string;
  about: string;
  /** What it asks for. */
  wants: 'read' | 'annotate';
  bundleSpec: string;
};

const bundleOf = (definition: { config: { vats: object } }): string => {
  const [vat] = Object.values(definition.config.vats) as { bundleSpec: string }[];
  return vat?.bundleSpec ?? '';
};

export const gallery: Plugin[] = [
  {
    name: 'Tally',
    about: 'Counts what is done, and who added what.',
    wants: 'read',
    bundleSpec: bundleOf(tally),
  },
  {
    name: 'Aisles',
    about: 'Writes beside each item where the shop has it.',
    wants: 'annotate',
    bundleSpec: bundleOf(aisles),
  },
  {
    name: 'Nosy',
    about: 'Tries to send your list away, and to change it. Watch it fail.',
    wants: 'read',
    bundleSpec: bundleOf(nosy),
  },
];

/** As any plug-in's vat is launched: without globals, network or services. */
export const definitionOf = (
  subcluster: string,
  bundleSpec: string,
): { name: string; config: unknown } => ({
  name: subcluster,
  config: { bootstrap: 'plugin', vats: { plugin: { bundleSpec } } },
});
