import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLogFile, type LogFileOptions, type LogRecord } from './log-file.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vatkit-log-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = (options: Partial<LogFileOptions> = {}) =>
  openLogFile({
    file: join(folder, 'daemon.log'),
    older: join(folder, 'daemon.log.1'),
    ...options,
  });

const read = (name = 'daemon.log'): LogRecord[] =>
  readFileSync(join(folder, name), 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as LogRecord);

describe('the log file', () => {
  it('has one record a line, with its time, level, tags and message', () => {
    const log = open();
    log.warn('two\nlines', { a: 1n }, undefined);
    log
      .subLogger?.({ tags: ['v1'] })
      ?.subLogger?.({ tags: ['console'] })
      ?.log('hi');
    log.close();
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string;
    expect(read()).toStrictEqual([
      { time, level: 'warn', tags: [], message: 'two\nlines { a: 1n } undefined' },
      { time, level: 'log', tags: ['v1', 'console'], message: 'hi' },
    ]);
  });

  it('is for its owner alone, and goes on where it was', () => {
    open().error('one');
    const log = open();
    log.error('two');
    log.close();
    expect(read().map(({ message }) => message)).toStrictEqual(['one', 'two']);
    expect(statSync(join(folder, 'daemon.log')).mode & 0o777).toBe(0o600);
  });

  it('leaves out what is below its level', () => {
    for (const level of ['debug', 'info', 'log', 'warn', 'error'] as const) {
      rmSync(join(folder, 'daemon.log'), { force: true });
      const log = open({ level });
      log.debug('debug');
      log.info('info');
      log.log('log');
      log.warn('warn');
      log.error('error');
      const all = ['debug', 'info', 'log', 'warn', 'error'];
      expect(read().map(({ message }) => message)).toStrictEqual(all.slice(all.indexOf(level)));
    }
  });

  it('never holds more than two files of its bound', () => {
    const log = open({ bytesMax: 1_000 });
    for (let index = 0; index < 200; index += 1) log.info(`record ${index}`);
    log.close();
    const messages = [...read('daemon.log.1'), ...read()].map(({ message }) => message);
    expect(messages.at(-1)).toBe('record 199');
    expect(messages.length).toBeGreaterThan(10);
    // None is missing between the oldest that is kept and the newest.
    const first = 200 - messages.length;
    expect(messages).toStrictEqual(messages.map((_, index) => `record ${first + index}`));
    for (const name of ['daemon.log', 'daemon.log.1']) {
      expect(statSync(join(folder, name)).size).toBeLessThanOrEqual(1_000);
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    }
  });

  it('cuts off what is endless', () => {
    const log = open();
    log.info('x'.repeat(1_000_000));
    log.info({ text: 'x'.repeat(1_000_000), list: Array.from({ length: 100_000 }, () => 'y') });
    log.close();
    expect(statSync(join(folder, 'daemon.log')).size).toBeLessThan(25_000);
    expect(read()[0]?.message).toMatch(/x… \(cut off\)$/);
  });

  it('holds no ocap URL', () => {
    const log = open();
    const url = 'ocap:zgAu5xX@12D3KooWabc,/ip4/127.0.0.1/tcp/9001/ws/p2p/12D3Koo';
    log.info(`see <${url}> and`, { url, nested: [`"${url}"`] }, new Error(url));
    log.close();
    const text = readFileSync(join(folder, 'daemon.log'), 'utf8');
    expect(text).not.toMatch(/zgAu5xX|12D3Koo/);
    expect(read()[0]?.message).toContain("see <ocap:[redacted]> and { url: 'ocap:[redacted]'");
  });

  it('does not stop its writer when the disk refuses, or after its end', () => {
    const log = open({ bytesMax: 100, older: join(folder, 'no', 'such') });
    for (let index = 0; index < 10; index += 1) log.info('x'.repeat(90));
    log.close();
    log.info('late');
    log.close();
    expect(existsSync(join(folder, 'daemon.log'))).toBe(true);
  });
});
