/** Walks through the app as it is built, in Chromium, as somebody would who uses it; keeps a picture of each stop. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import axe from 'axe-core';
import { chromium, type BrowserContext, type Page } from 'playwright';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { chromiumArguments, findChromium } from '../../../scripts/chromium.mjs';

const pictures = fileURLToPath(new URL('../screenshots', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'vatkit-walk-'));
const patienceMs = 60_000;
let app: Awaited<ReturnType<typeof start>>;
const contexts: BrowserContext[] = [];

/** What `npm start` runs, and a Ctrl-C for it. */
async function start() {
  const script = fileURLToPath(new URL('../start.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_ENV: 'production' },
  });
  const exit = once(child, 'exit');
  let said = '';
  for await (const text of child.stdout.setEncoding('utf8')) {
    said += text as string;
    const [url] = /http:\S+/.exec(said) ?? [];
    if (url === undefined) continue;
    const stop = async (): Promise<unknown> => {
      child.kill('SIGINT');
      return (await exit)[0];
    };
    return { url, stop };
  }
  throw new Error(`It did not start: ${said}`);
}

beforeAll(async () => {
  mkdirSync(pictures, { recursive: true });
  app = await start();
}, 180_000);
afterAll(async () => {
  await Promise.all(contexts.map((context) => context.close()));
  expect(await app.stop()).toBe(0);
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** A browser of its own, with a profile on disk. */
async function openBrowser(name: string, options: object = {}): Promise<BrowserContext> {
  const executablePath = findChromium();
  const context = await chromium.launchPersistentContext(join(folder, name), {
    ...(executablePath !== undefined && { executablePath }),
    args: chromiumArguments,
    headless: true,
    viewport: { width: 1200, height: 800 },
    ...options,
  });
  context.setDefaultTimeout(patienceMs);
  contexts.push(context);
  return context;
}

const picture = (page: Page, name: string): Promise<unknown> =>
  page.screenshot({ path: join(pictures, `${name}.png`) });

async function insistAccessible(page: Page): Promise<void> {
  expect(await faultsIn(page)).toStrictEqual([]);
}

async function faultsIn(page: Page): Promise<object[]> {
  // By the debugger, since the page's own policy lets no other script in.
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof axe }).axe.run(),
  );
  return violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html }) => html) }));
}

/** A check that finds nothing shows something only where it finds what there is. */
async function insistFaultsAreFound(page: Page): Promise<void> {
  await page.evaluate(() => {
    const planted = '<button></button><p style="color: #ccc; background: #fff">faint</p>';
    document.querySelector('main')?.insertAdjacentHTML('beforeend', `<div>${planted}</div>`);
  });
  const ids = ['button-name', 'color-contrast'];
  expect(await faultsIn(page)).toMatchObject(ids.map((id) => ({ id })));
  await page.evaluate(() => document.querySelector('main')?.lastElementChild?.remove());
}

const button = (page: Page, name: string | RegExp) =>
  page.getByRole('button', typeof name === 'string' ? { name, exact: true } : { name });
const item = (page: Page, text: string) => page.getByRole('checkbox', { name: text, exact: true });

async function addItems(page: Page, texts: string[]): Promise<void> {
  for (const text of texts) {
    await page.getByRole('textbox', { name: 'Add an item' }).fill(text);
    await page.keyboard.press('Enter');
    await item(page, text).waitFor();
  }
}

it('is walked through', { timeout: 300_000 }, async () => {
  const context = await openBrowser('alice');
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  await page.goto(app.url);
  await page.getByLabel('What shall others call you?').waitFor();
  await picture(page, '01-welcome');
  await insistFaultsAreFound(page);
  await insistAccessible(page);
  await page.getByLabel('What shall others call you?').fill('Alice');
  await button(page, 'Begin').click();
  await page.getByText('Your first list').waitFor();
  await picture(page, '02-empty');
  await insistAccessible(page);

  await page.getByLabel('Name of a new list').fill('Garden party');
  await page.keyboard.press('Enter');
  await page.getByText('What comes first?').waitFor();
  await addItems(page, ['Lemonade', 'Bread', 'Tomatoes', 'Feta', 'Candles', 'Fairy lights']);
  await item(page, 'Bread').click();
  await page.getByText('Done · 1').waitFor();
  await picture(page, '03-list');
  await insistAccessible(page);

  // In another tab, at once.
  const second = await context.newPage();
  await second.goto(page.url());
  await item(second, 'Feta').click();
  await page.getByText('Done · 2').waitFor();

  // A share, its link, and who follows it.
  await button(page, 'Share').click();
  await page.getByLabel('With whom?').fill('Bob');
  await button(page, 'Make a link').click();
  const link = page.getByRole('textbox', { name: 'Link for Bob' });
  await link.waitFor();
  const invite = await link.inputValue();
  expect(invite).toContain('#join=ocap%3Av1.');
  await picture(page, '04-share');
  await insistAccessible(page);
  await page.keyboard.press('Escape');
  await second.goto(`${app.url}${new URL(invite).hash}`);
  await button(second, 'Join').click();
  await second.getByText('you can change it').first().waitFor();
  await addItems(second, ['Paper lanterns']);
  await item(page, 'Paper lanterns').waitFor();
  await picture(second, '05-joined');

  // Strangers' code.
  await button(page, 'Plug-ins').click();
  await picture(page, '06-gallery');
  await insistAccessible(page);
  for (const name of ['Aisles', 'Nosy', 'Tally'])
    await button(page, `Grant and run ${name}`).click();
  await page.getByText('7 of 7 attempts were stopped').waitFor();
  await page.getByText('Dairy').first().waitFor();
  await page.getByText(/% done/).waitFor();
  await page.screenshot({ path: join(pictures, '07-plugins.png'), fullPage: true });
  await button(page, 'Remove Nosy').click();
  await button(page, 'Grant and run Nosy').waitFor();
  await button(page, 'Close the plug-ins').click();

  // Taken back.
  await button(page, 'Share').click();
  await button(page, 'Take back from Bob').click();
  await second.getByText('took this list back').waitFor();
  await picture(second, '08-taken-back');
  await page.keyboard.press('Escape');
  await second.close();

  // The words, and the file that they open on another device.
  await button(page, 'Backup').click();
  await button(page, 'Show the recovery phrase').click();
  const words = await page
    .getByRole('list', { name: 'Recovery phrase' })
    .locator('li')
    .allTextContents();
  expect(words).toHaveLength(12);
  await picture(page, '09-backup');
  const saved = page.waitForEvent('download');
  await button(page, 'Save a backup file').click();
  const file = join(folder, 'lists.tandem');
  await (await saved).saveAs(file);
  await page.keyboard.press('Escape');

  // After a reload; then without a network.
  await page.reload();
  await item(page, 'Lemonade').waitFor();
  await context.setOffline(true);
  await item(page, 'Lemonade').click();
  await page.getByText('Offline: changes are sent later').waitFor();
  await picture(page, '10-offline');
  await page.reload();
  await page.getByText('Offline: changes are sent later').waitFor();
  expect(await item(page, 'Lemonade').isChecked()).toBe(true);
  await context.setOffline(false);

  // A phone in the dark, at which the backup is restored.
  const phone = await openBrowser('phone', {
    viewport: { width: 390, height: 844 },
    colorScheme: 'dark',
    isMobile: true,
    hasTouch: true,
  });
  const mobile = await phone.newPage();
  await mobile.goto(app.url);
  await button(mobile, 'I have a recovery phrase').click();
  await mobile.getByLabel('Recovery phrase').fill('zoo '.repeat(12));
  await mobile.getByLabel('Backup file').setInputFiles(file);
  await button(mobile, 'Restore').click();
  await mobile.getByText('does not open this backup').waitFor();
  await picture(mobile, '11-phone-restore');
  await mobile.getByLabel('Recovery phrase').fill(words.join(' '));
  await button(mobile, 'Restore').click();
  await mobile.getByRole('link', { name: /Garden party/ }).waitFor();
  await picture(mobile, '12-phone-home');
  await mobile.getByRole('link', { name: /Garden party/ }).click();
  await item(mobile, 'Candles').waitFor();
  await picture(mobile, '13-phone-list');
  await button(mobile, 'Share').click();
  await mobile.getByLabel('With whom?').fill('Carol');
  await button(mobile, 'Make a link').click();
  await mobile.getByRole('textbox', { name: 'Link for Carol' }).waitFor();
  await picture(mobile, '14-phone-share');
  expect(faults).toStrictEqual([]);
});

it('shares lists between two browsers, over the relay', { timeout: 300_000 }, async () => {
  const begin = async (name: string, hash = ''): Promise<Page> => {
    const context = await openBrowser(`relay-${name}`);
    const page = await context.newPage();
    await page.goto(`${app.url}${hash}`);
    await page.getByLabel('What shall others call you?').fill(name);
    await button(page, 'Begin').click();
    await page.getByText('Connected').first().waitFor();
    return page;
  };
  const erin = await begin('Erin');
  await erin.getByLabel('Name of a new list').fill('Moving house');
  await erin.keyboard.press('Enter');
  await addItems(erin, ['Boxes']);
  await button(erin, 'Share').click();
  await erin.getByLabel('With whom?').fill('Finn');
  await button(erin, 'Make a link').click();
  const link = erin.getByRole('textbox', { name: 'Link for Finn' });
  await link.waitFor();
  const { hash } = new URL(await link.inputValue());
  await erin.keyboard.press('Escape');

  const finn = await begin('Finn', hash);
  await button(finn, 'Join').click();
  await item(finn, 'Boxes').waitFor();
  await addItems(finn, ['Tape']);
  await item(erin, 'Tape').waitFor();
  await item(erin, 'Boxes').click();
  await finn.getByText('Done · 1').waitFor();
  await picture(erin, '15-two-browsers-owner');
  await picture(finn, '16-two-browsers-guest');

  await button(erin, 'Share').click();
  await button(erin, 'Take back from Finn').click();
  await finn.getByText('took this list back').waitFor();
  await picture(finn, '17-two-browsers-taken-back');

  // To look at only.
  await erin.getByLabel('With whom?').fill('Finn');
  await erin.getByText('May look').first().click();
  await button(erin, 'Make a link').click();
  await link.waitFor();
  await finn.goto(await link.inputValue());
  await button(finn, 'Join').click();
  await finn.getByText('you can look at it').waitFor();
  await item(finn, 'Tape').waitFor();
  expect(await item(finn, 'Tape').isDisabled()).toBe(true);
  expect(await finn.getByRole('textbox', { name: 'Add an item' }).count()).toBe(0);
  await picture(finn, '18-two-browsers-read-only');
});
