/**
 * Vats as a stranger writes them: for MetaMask's kernel, with its imports, bundled by the vatkit program into files
 * and launched by their URL.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { ClusterConfig, VatConfig } from '@vatkit/sdk/kernel';
import { makeFolder, type LogRecord } from './harness.js';

const program = join(import.meta.dirname, '../../codegen/dist/cli.js');

const written = new Map<string, Promise<string>>();

/** The URL of the bundle of a vat under `vats/walk/`, as `vatkit bundle` makes it. */
export function strangerBundle(source: string, ...options: string[]): Promise<string> {
  const key = [source, ...options].join(' ');
  let bundle = written.get(key);
  if (bundle === undefined) {
    bundle = bundleByProgram(source, options);
    written.set(key, bundle);
  }
  return bundle;
}

async function bundleByProgram(source: string, options: string[]): Promise<string> {
  const output = join(makeFolder(), `${source.replace(/\.[jt]s$/, '')}.bundle`);
  const path = join(import.meta.dirname, 'vats/walk', source);
  await promisify(execFile)(process.execPath, [
    program,
    'bundle',
    path,
    '--output',
    output,
    ...options,
  ]);
  return pathToFileURL(output).href;
}

/** Vats of one source, each told its own name; the first one bootstraps. */
export async function strangers(
  source: string,
  names: readonly string[],
  parameters: NonNullable<VatConfig['parameters']> = {},
  options: Partial<VatConfig> = {},
): Promise<ClusterConfig> {
  const bundleSpec = await strangerBundle(source);
  const vats = names.map((name) => [
    name,
    { bundleSpec, parameters: { name, ...parameters }, ...options },
  ]);
  return { bootstrap: names[0] as string, vats: Object.fromEntries(vats) as ClusterConfig['vats'] };
}

/** What vats said to their loggers under the tag `test`, in order. */
export const testLog = (records: readonly LogRecord[]): string[] =>
  records.filter(({ tags }) => tags.includes('test')).map(({ text }) => text);
