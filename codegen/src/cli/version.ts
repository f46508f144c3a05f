import { readFileSync } from 'node:fs';

/** Of this package, and of those that are released with it. */
export function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
