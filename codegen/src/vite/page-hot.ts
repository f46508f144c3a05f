/**
 * In the page, in development only: launches a vat's new code when the dev server tells of it, so that the kernel
 * upgrades the running vat in place. The dev server serves this module, once for each page.
 *
 * The page's client calls the function under `hotKey` at each launch, and launches what it gives. Tabs share one
 * kernel: the first to take the lock of an update launches it, the others only remember the new code.
 */
import type { VatFailure, VatUpdate } from './hot.js';

/** As the app gave it, which the kernel has not looked at yet. */
type Definition = { readonly name: string; readonly config?: Config };
type Config = {
  readonly vats?: { readonly [vat: string]: { readonly bundleSpec?: string } | null };
};
type Options = {
  readonly as?: string;
  readonly allowRemoval?: boolean;
  readonly onChange?: 'upgrade';
  readonly rollback?: boolean;
};
/** As much of the page's client as is needed. */
type Client = {
  readonly name: string;
  launch(definition: Definition, options: Options): Promise<unknown>;
};
type Launch = { client: Client; definition: Definition; options: Options };

/** As much of `import.meta.hot` as is needed. */
export type HotChannel = {
  on<Told>(event: string, listener: (told: Told) => void): void;
  send(event: string, failure: VatFailure): void;
};

type ErrorLike = { message?: unknown; stack?: unknown; cause?: ErrorLike };

/**
 * @param events - the names of what the dev server tells and hears.
 * @param origin - what bundles' paths are seen from.
 */
export function startHot(
  channel: HotChannel,
  { key, update: updateEvent, failed }: { key: string; update: string; failed: string },
  origin: string,
): void {
  /** By kernel and name: the last launch of it. */
  const launches = new Map<string, Launch>();
  /** The newest bundle of each vat, by what of its address is no hash. */
  const newest = new Map<string, string>();
  /** What each update put in place of what. */
  const replaced = new Map<string, { place: string; spec: string; before: string | undefined }>();

  /** The definition with the newest code; itself where it has that. */
  const refresh = (definition: Definition): Definition => {
    const vats = Object.entries(definition.config?.vats ?? {});
    const isOld = specsOf(definition).some((spec) => newestOf(spec) !== spec);
    if (!isOld) return definition;
    const fresh = vats.map(([name, vat]): [string, object | null] => [
      name,
      vat?.bundleSpec === undefined ? vat : { ...vat, bundleSpec: newestOf(vat.bundleSpec) },
    ]);
    const config = { ...definition.config, vats: Object.fromEntries(fresh) };
    return { ...definition, config };
  };
  const newestOf = (spec: string): string => newest.get(placeOf(spec)) ?? spec;

  const launch = async ({ client, definition, options }: Launch, update: string): Promise<void> => {
    const { as = definition.name, allowRemoval = false } = options;
    try {
      await first(`vatkit:hot:${client.name}:${as}:${update}`, () =>
        // An edit that is taken back leads to code that the name had before.
        client.launch(definition, { as, allowRemoval, onChange: 'upgrade', rollback: true }),
      );
    } catch (thrown) {
      channel.send(failed, { name: as, update, ...wordsOf(thrown as ErrorLike) });
    }
  };

  channel.on<VatUpdate>(updateEvent, ({ bundleSpec, update }) => {
    const spec = new URL(bundleSpec, origin).href;
    const place = placeOf(spec);
    replaced.set(update, { place, spec, before: newest.get(place) });
    newest.set(place, spec);
    for (const known of launches.values()) {
      if (specsOf(known.definition).some((each) => placeOf(each) === place)) {
        void launch(known, update);
      }
    }
  });

  // Of another tab's attempt, too: who launches it again gets what runs.
  channel.on<Pick<VatFailure, 'update'>>(failed, ({ update }) => {
    const { place, spec, before } = replaced.get(update) ?? {};
    if (place === undefined || newest.get(place) !== spec) return;
    if (before === undefined) newest.delete(place);
    else newest.set(place, before);
  });

  const register = (client: Client, given: Definition, options: Options = {}): Definition => {
    const as = options.as ?? given.name;
    launches.set(`${client.name} ${as}`, { client, definition: given, options });
    return refresh(given);
  };
  (globalThis as unknown as Record<symbol, unknown>)[Symbol.for(key)] = register;
}

const specsOf = ({ config }: Definition): string[] =>
  Object.values(config?.vats ?? {}).flatMap((vat) => vat?.bundleSpec ?? []);

/** `http://localhost:5173/@vatkit-bundle/1f/src/todo.vat.bundle` without the hash. */
const placeOf = (spec: string): string =>
  spec.replace(/(\/@vatkit-bundle\/)[^/]+\//, (_all, path: string) => path);

/** Does it unless another tab does, or has done it. */
async function first(name: string, work: () => Promise<unknown>): Promise<void> {
  const { locks } = globalThis.navigator ?? {};
  if (locks === undefined) return void (await work());
  await new Promise<void>((resolve, reject) => {
    // Held as long as the page lives: a tab that hears of it late must find it taken.
    const held = locks.request(name, { ifAvailable: true }, (lock) => {
      if (lock === null) return resolve();
      void work().then(() => resolve(), reject);
      return new Promise<void>(() => {});
    });
    held.catch(reject);
  });
}

/** The words of the error, and the stack that is nearest to the vat. */
function wordsOf(thrown: ErrorLike): { message: string; stack?: string } {
  const stacks: string[] = [];
  for (let error: ErrorLike | undefined = thrown; error !== undefined; error = error.cause) {
    if (typeof error.stack === 'string') stacks.push(error.stack);
  }
  const stack = stacks.at(-1);
  return { message: String(thrown.message), ...(stack !== undefined && { stack }) };
}
