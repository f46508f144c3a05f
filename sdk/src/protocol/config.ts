/** The configuration of a subcluster: what `launchSubcluster` takes, and its check. */
import { limits } from '../limits.js';
import { keyText } from './describe.js';
import {
  boolean,
  jsonRecord,
  listOf,
  makeStruct,
  object,
  oneOf,
  recordOf,
  text,
  where,
  type JsonRecord,
  type Shape,
  type Struct,
} from './schema.js';
import { known, quote } from './suggest.js';

/** What a vat may be granted by name; everything else is absent in it. */
export const allowedGlobalNames = [
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'Date',
  'Math',
  'crypto',
  'SubtleCrypto',
  'fetch',
  'Request',
  'Headers',
  'Response',
  'TextEncoder',
  'TextDecoder',
  'URL',
  'URLSearchParams',
  'atob',
  'btoa',
  'AbortController',
  'AbortSignal',
] as const;

export type AllowedGlobalName = (typeof allowedGlobalNames)[number];

/** Where a vat's code is. */
export type BundleSource =
  /** An http(s), file or data URL of a bundle, or the bundle's content. */
  | { bundleSpec: string; sourceSpec?: undefined; bundleName?: undefined }
  /** The URL or path of a source file, bundled at the launch. */
  | { sourceSpec: string; bundleSpec?: undefined; bundleName?: undefined };

export type VatSource =
  | BundleSource
  /** A name among the configuration's `bundles`. */
  | { bundleName: string; bundleSpec?: undefined; sourceSpec?: undefined };

export type VatOptions = {
  /** `buildRootObject`'s second argument: `{ name: 'Alice' }`. */
  parameters?: JsonRecord;
  globals?: AllowedGlobalName[];
  /** Needed for `fetch`: the host names that it reaches, `['api.example.com']`. */
  network?: NetworkConfig;
  platformConfig?: PlatformConfig;
  creationOptions?: CreationOptions;
};

export type VatConfig = VatSource & VatOptions;

export type NetworkConfig = { allowedHosts: string[] };

/** Powers of the platform that a vat may be granted, Node only. */
export type PlatformConfig = {
  /** Read access below `rootDir`, by these functions. */
  fs?: {
    rootDir: string;
    existsSync?: boolean;
    promises?: { readFile?: boolean; access?: boolean };
  };
};

export type CreationOptions = {
  /** `eager` starts the vat with its kernel, `lazy` at its first delivery. Default: eager where it has timers or fetch. */
  start?: 'eager' | 'lazy';
  /** The author's promise that the vat's heap is only a cache: where too many vats run it is put to sleep, as by a restart. */
  durable?: boolean;
};

/** A channel to the outside, which the bootstrap vat gets among its services by the channel's name. */
export type IOConfig = IOOptions &
  (
    | { type: 'console' }
    | { type: 'listen' | 'network'; hostport: string }
    | { type: 'file' | 'socket'; path: string }
  );

export type IOOptions = {
  /** Default `inout`. */
  direction?: 'in' | 'out' | 'inout';
  /** What one read gives. Default `line`. */
  unit?: 'line' | 'string' | 'chars' | 'bytes';
};

/** What a subcluster is made of. */
export type ClusterConfig = {
  /** The vat whose `bootstrap(vats, services)` is called once: a name among `vats`. */
  bootstrap: string;
  vats: Record<string, VatConfig>;
  /** Names of kernel services for `bootstrap`. */
  services?: string[];
  io?: Record<string, IOConfig>;
  /** Of a launch by name that finds a subcluster of that name: terminate that one and launch afresh. */
  forceReset?: boolean;
  /** Bundles that several vats share, by the name that their `bundleName` gives. */
  bundles?: Record<string, BundleSource>;
};

/** A subcluster that the kernel's own configuration launches, and finds again at the next start. */
export type SystemSubclusterConfig = { name: string; config: ClusterConfig };

/** A name becomes a part of store keys, logs and error messages, and a property of records. */
const nameObjection = (name: string): string | undefined => {
  if (name === '') return 'a name cannot be empty';
  if (name.length > limits.configNameCharsMax)
    return `a name has at most ${limits.configNameCharsMax} characters`;
  if (name === '__proto__') return 'cannot be a name';
  return /[\p{Cc}\p{Cs}]/u.test(name) ? 'a name has no control characters' : undefined;
};

const name: Shape<string> = where(text('a name'), (value, path, report) => {
  const objection = nameObjection(value);
  if (objection !== undefined) report(path, objection);
});

const host: Shape<string> = where(text('a host name'), (value, path, report) => {
  if (/[\s/@?#]/.test(value))
    report(path, `${quote(value)} is not a host name like "api.example.com"`);
});

const globalName = oneOf(allowedGlobalNames);

const bundleSpec = text('a URL or the content of a bundle, as a string', limits.bundleCharsMax);
const sourceSpec = text('the URL or path of a source file');

type Sources = { bundleSpec?: string; sourceSpec?: string; bundleName?: string };

const exactlyOne =
  (...keys: (keyof Sources)[]) =>
  (sources: Sources, path: string, report: (path: string, message: string) => void): void => {
    const given = keys.filter((key) => Object.hasOwn(sources, key));
    if (given.length !== 1)
      report(
        path,
        `needs exactly one of ${keys.join(', ')}; found ${given.join(' and ') || 'none'}`,
      );
  };

const bundle = where(
  object<Pick<Sources, 'bundleSpec' | 'sourceSpec'>>({ bundleSpec, sourceSpec }),
  exactlyOne('bundleSpec', 'sourceSpec'),
) as Shape<BundleSource>;

const vat = where(
  where(
    object<Sources & VatOptions>({
      bundleSpec,
      sourceSpec,
      bundleName: name,
      parameters: jsonRecord(limits.configParametersCharsMax),
      globals: listOf(globalName),
      network: object<NetworkConfig>({ allowedHosts: listOf(host) }, ['allowedHosts']),
      platformConfig: object<PlatformConfig>({
        fs: object<NonNullable<PlatformConfig['fs']>>(
          {
            rootDir: text("a directory's path"),
            existsSync: boolean,
            promises: object<{ readFile?: boolean; access?: boolean }>({
              readFile: boolean,
              access: boolean,
            }),
          },
          ['rootDir'],
        ),
      }),
      creationOptions: object<CreationOptions>({
        start: oneOf(['eager', 'lazy']),
        durable: boolean,
      }),
    }),
    exactlyOne('bundleSpec', 'sourceSpec', 'bundleName'),
  ),
  ({ globals, network }, path, report) => {
    if (globals?.includes('fetch') && network === undefined)
      report(`${path}.network`, 'requested "fetch" but no network.allowedHosts was specified');
  },
) as Shape<VatConfig>;

const addressOf = {
  console: undefined,
  listen: 'hostport',
  network: 'hostport',
  file: 'path',
  socket: 'path',
} as const;

type IOType = keyof typeof addressOf;

const io = where(
  object<{ type: IOType; hostport?: string; path?: string } & IOOptions>(
    {
      type: oneOf(Object.keys(addressOf) as IOType[]),
      hostport: text('a host and port like "127.0.0.1:8000"'),
      path: text("a file's path"),
      direction: oneOf(['in', 'out', 'inout']),
      unit: oneOf(['line', 'string', 'chars', 'bytes']),
    },
    ['type'],
  ),
  (channel, path, report) => {
    if (channel.type === undefined) return;
    const { type } = channel;
    for (const key of ['hostport', 'path'] as const) {
      const given = Object.hasOwn(channel, key);
      const needed = addressOf[type] === key;
      if (given !== needed)
        report(`${path}.${key}`, `a ${type} channel ${needed ? 'needs a' : 'has no'} ${key}`);
    }
  },
) as Shape<IOConfig>;

const cluster = where(
  object<ClusterConfig>(
    {
      bootstrap: text("a vat's name"),
      vats: recordOf(vat, nameObjection),
      services: listOf(name),
      io: recordOf(io, nameObjection),
      forceReset: boolean,
      bundles: recordOf(bundle, nameObjection),
    },
    ['bootstrap', 'vats'],
  ),
  ({ bootstrap, vats, bundles = {} }, path, report) => {
    if (vats === undefined) return;
    if (bootstrap !== undefined && !Object.hasOwn(vats, bootstrap)) {
      const names = known(Object.keys(vats), bootstrap);
      report(
        `${path}.bootstrap`,
        `invalid bootstrap vat name ${quote(bootstrap)} is not one of vats (${names})`,
      );
    }
    for (const [vatName, config] of Object.entries(vats)) {
      const bundleName = config?.bundleName;
      if (bundleName !== undefined && !Object.hasOwn(bundles, bundleName)) {
        const names = known(Object.keys(bundles), bundleName) || 'there are none';
        const place = `${path}.vats${keyText(vatName)}.bundleName`;
        report(place, `${quote(bundleName)} is not one of bundles (${names})`);
      }
    }
  },
);

const systemSubclusters = where(
  listOf(object<SystemSubclusterConfig>({ name, config: cluster }, ['name', 'config'])),
  (configs, path, report) => {
    const names = configs.map((config) => config?.name);
    const again = names.find((each, index) => each !== undefined && names.indexOf(each) !== index);
    if (again !== undefined)
      report(path, `Duplicate system subcluster names in config: ${quote(again)}`);
  },
);

/**
 * Checks what `launchSubcluster` takes.
 *
 *     const config = ClusterConfigStruct.check(JSON.parse(text));
 *     // KernelError BAD_CONFIG: invalid cluster config: vats.bob.bundelSpec: unknown key (known: bundleSpec, …
 */
export const ClusterConfigStruct: Struct<ClusterConfig> = makeStruct(
  'invalid cluster config',
  cluster,
);

/** Checks what `launchVat` takes. */
export const VatConfigStruct: Struct<VatConfig> = makeStruct('invalid vat config', vat);

/** Checks what the kernel's `systemSubclusters` option takes. */
export const SystemSubclusterConfigsStruct: Struct<SystemSubclusterConfig[]> = makeStruct(
  'invalid system subclusters',
  systemSubclusters,
);

/** Checks one name that a vat's `globals` may have. */
export const AllowedGlobalNameStruct: Struct<AllowedGlobalName> = makeStruct(
  'invalid global name',
  globalName,
);

export const isVatConfig = (value: unknown): value is VatConfig => VatConfigStruct.is(value);
