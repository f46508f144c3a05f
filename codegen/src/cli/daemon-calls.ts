/** The commands that ask a daemon something and print its answer. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CapData, RpcResponse } from '@vatkit/sdk/kernel';
import { DaemonError, type DaemonHome } from '../daemon/home.js';
import { prettify } from '../daemon/prettify.js';
import { callDaemon } from '../daemon/rpc-client.js';
import { UsageError, type Terminal } from './command.js';

export type Call = {
  home: DaemonHome;
  method: string;
  params: unknown;
  timeoutMs: number | undefined;
};

/** What the daemon answers. An error of its becomes one that is told in a line. */
export async function resultOf({ home, method, params, timeoutMs }: Call): Promise<unknown> {
  const response: RpcResponse = await callDaemon(home.socket, method, params, timeoutMs);
  if ('result' in response) return response.result;
  throw new DaemonError(`Error: ${response.error.message} (code ${response.error.code})`);
}

/** For people's eyes on a screen, for programs in one line. */
export function print(terminal: Terminal, value: unknown): void {
  terminal.out(JSON.stringify(value, null, terminal.isScreen ? 2 : 0));
}

/** @param raw - as it came, instead of for people's eyes. */
export async function queueMessage(call: Call, raw: boolean): Promise<unknown> {
  const result = await resultOf({ ...call, method: 'queueMessage' });
  return raw ? result : prettify(result as CapData<string>);
}

export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${what} must be JSON: ${(error as Error).message.split('\n')[0]}`);
  }
}

export function parseTimeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = Number(text);
  // A timer takes no more milliseconds than 31 bits hold.
  if (/^\d+$/.test(text) && seconds > 0 && seconds * 1000 < 2 ** 31) return seconds * 1000;
  throw new UsageError(`--timeout must be a positive integer, got: ${text}`);
}

/** A daemon works in a folder of its own: what is relative is meant from the user's. */
export function withAbsoluteSpecs(params: unknown): unknown {
  const { config } = params as { config?: unknown };
  if (!isRecord(config)) return params;
  const absolute: { [key: string]: unknown } = { ...config };
  for (const key of ['vats', 'bundles']) {
    const sources = config[key];
    if (!isRecord(sources)) continue;
    absolute[key] = Object.fromEntries(
      Object.entries(sources).map(([name, source]) => [name, absoluteSource(source)]),
    );
  }
  return { ...(params as object), config: absolute };
}

function absoluteSource(source: unknown): unknown {
  if (!isRecord(source)) return source;
  const { bundleSpec, sourceSpec } = source;
  return {
    ...source,
    ...(isRelative(bundleSpec) && { bundleSpec: pathToFileURL(resolve(bundleSpec)).href }),
    ...(isRelative(sourceSpec) && { sourceSpec: pathToFileURL(resolve(sourceSpec)).href }),
  };
}

/** Neither a URL nor the content of a bundle. What is wrong altogether the kernel says better. */
const isRelative = (spec: unknown): spec is string =>
  typeof spec === 'string' && spec !== '' && !/^(?:[a-z][a-z\d+.-]*:|\s*\{)/i.test(spec);

const isRecord = (value: unknown): value is { [key: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
