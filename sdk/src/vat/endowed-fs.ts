/**
 * `fs` for a vat: reading below one directory, by those functions that its configuration names.
 *
 * A path that leads out, or on which any component is a symbolic link, is refused. The check and the use are two
 * steps: who can write below the directory at that moment could put a link between them. A vat cannot write.
 */
import type { PlatformConfig } from '../protocol/config.js';

/** The platform's own: synchronous where a check must not be overtaken by vat code. */
export type HostFs = {
  /** Of the path itself, not of what it links to. */
  lstatSync(path: string): { isSymbolicLink(): boolean };
  existsSync(path: string): boolean;
  readFile(path: string, options?: { encoding?: string } | string): Promise<unknown>;
  access(path: string, mode?: number): Promise<void>;
  /** node:path's, of the platform. */
  path: {
    sep: string;
    resolve(...parts: string[]): string;
    relative(from: string, to: string): string;
    isAbsolute(path: string): boolean;
  };
};

type FsConfig = NonNullable<PlatformConfig['fs']>;

const known: readonly string[] = ['fs'];

/**
 * @param config - a relative `rootDir` is below the process's directory; a vat's relative paths are below `rootDir`.
 * @param host - absent where the platform has no files: a browser.
 * @returns the granted globals by name.
 * @throws Error that says what cannot be granted.
 */
export function makePlatformGlobals(
  config: PlatformConfig,
  host: HostFs | undefined,
): Record<string, unknown> {
  const unknown = Object.keys(config).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw Error(`Config provided entry for unregistered capability: ${unknown}`);
  }
  return config.fs === undefined ? {} : { fs: makeFs(config.fs, host) };
}

/** Node's errors carry its paths and its classes; a vat gets their text and code. */
function plainError(error: unknown): Error {
  const { message, code } = error as { message?: unknown; code?: unknown };
  const plain = Error(String(message));
  if (typeof code === 'string') Object.defineProperty(plain, 'code', { value: code });
  return plain;
}

/** A copy: Node's Buffers are views of memory that others share. Like theirs, its text is what it encodes. */
const toBytes = (content: Uint8Array): Uint8Array =>
  Object.defineProperty(Uint8Array.from(content), 'toString', {
    value(this: Uint8Array) {
      return new TextDecoder().decode(this);
    },
  });

function makeFs({ rootDir, existsSync, promises }: FsConfig, host: HostFs | undefined): object {
  const read = promises?.readFile === true;
  const access = promises?.access === true;
  if (host === undefined) {
    const missing = read ? 'readFile' : access ? 'access' : undefined;
    if (missing !== undefined) {
      throw Error(`Capability ${missing} is not implemented in the browser`);
    }
    return harden({
      ...(existsSync && { existsSync: () => false }),
      ...(promises && { promises: {} }),
    });
  }
  const root = host.path.resolve(rootDir);

  /** The path as the platform is given it, once it is found to stay inside. */
  const insist = (name: string, given: unknown): string => {
    const text = String(given);
    if (text.includes('\0')) throw TypeError(`fs.${name}: A path has no null characters`);
    const path = host.path.resolve(root, text);
    const below = host.path.relative(root, path);
    if (below === '..' || below.startsWith(`..${host.path.sep}`) || host.path.isAbsolute(below)) {
      throw Error(`fs.${name}: Path ${text} is outside allowed root ${rootDir}`);
    }
    const parts = below === '' ? [] : below.split(host.path.sep);
    for (let count = 1; count <= parts.length; count += 1) {
      const part = host.path.resolve(root, ...parts.slice(0, count));
      if (isLink(part)) throw Error(`fs.${name}: Symlinks are prohibited: ${text}`);
    }
    return path;
  };

  const isLink = (path: string): boolean => {
    try {
      return host.lstatSync(path).isSymbolicLink();
    } catch {
      // Not there, or not to be looked at: the operation itself will say so.
      return false;
    }
  };

  const functions = {
    existsSync: (path: unknown): boolean => host.existsSync(insist('existsSync', path)),

    /** With an encoding it gives text, as Node's does, else a Uint8Array. */
    async readFile(path: unknown, options?: unknown): Promise<unknown> {
      const file = insist('readFile', path);
      const encoding =
        typeof options === 'object' && options !== null
          ? (options as { encoding?: unknown }).encoding
          : options;
      try {
        const content =
          encoding === undefined || encoding === null
            ? await host.readFile(file)
            : await host.readFile(file, { encoding: `${encoding as string}` });
        return content instanceof Uint8Array ? toBytes(content) : content;
      } catch (error) {
        throw plainError(error);
      }
    },

    async access(path: unknown, mode?: unknown): Promise<void> {
      const file = insist('access', path);
      try {
        await host.access(file, mode === undefined ? undefined : Number(mode));
      } catch (error) {
        throw plainError(error);
      }
    },
  };

  return harden({
    ...(existsSync && { existsSync: functions.existsSync }),
    ...(promises && {
      promises: {
        ...(read && { readFile: functions.readFile }),
        ...(access && { access: functions.access }),
      },
    }),
  });
}
