import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  addDevice,
  clearDesks,
  goAvailable,
  seriousFaults,
  signIn,
  startBrowser,
  type Visitor,
  visitor,
} from './browser';

// An agent asks a caller for things while they talk; the caller opens the links on their mobile telephone.

const sip = process.env.TANDEM_SIP ?? '127.0.0.1:5060';

let browser: Browser;
let stop: () => Promise<void>;
let agent: Visitor;
let caller: ChildProcess;
let folder: string;
let mobile: BrowserContext;
let phone: Page;
let photo: Buffer;
const faults: string[] = [];

beforeAll(async () => {
  ({ browser, stop } = await startBrowser(700));
  await clearDesks(browser);
  agent = await visitor(browser);
  mobile = await browser.newContext({
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    locale: 'en-GB',
    colorScheme: 'dark',
    reducedMotion: 'reduce',
  });
  phone = await mobile.newPage();
  phone.on('pageerror', (error) => faults.push(String(error)));
  phone.on('console', (message) => {
    if (message.type() === 'error' && !/Failed to load resource.* 4\d\d/.test(message.text()))
      faults.push(message.text());
  });
  await signIn(agent.page, 'agent1');
  photo = await agent.page.screenshot({ type: 'jpeg' });
  folder = mkdtempSync(join(tmpdir(), 'tandem-sipp-'));
  writeFileSync(join(folder, 'tone.alaw'), Buffer.alloc(8000, 0xd5));
});
afterAll(async () => {
  caller?.kill('SIGKILL');
  await stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Asks for something and returns the customer's link. */
async function ask(kind: string, prompt = ''): Promise<string> {
  const { page } = agent;
  await page.locator(`[data-ask=${kind}]`).click();
  if (prompt) await page.getByLabel('What the customer reads').fill(prompt);
  const asked = page.waitForResponse((r) => r.url().endsWith('/api/v1/actions') && r.request().method() === 'POST');
  await page.locator('[data-action=ask]').click();
  const { url: link } = (await (await asked).json()) as { url: string };
  await expect.poll(() => page.locator('[data-field=link]').first().inputValue()).toBe(link);
  return link;
}

const newest = () => agent.page.locator('[data-action-id]').first();
const state = (value: string) => agent.page.locator(`[data-action-id]:first-child[data-state=${value}]`).waitFor();
const thanks = () => phone.getByRole('heading', { name: 'Thank you' }).waitFor();

test('the agent takes the call', { timeout: 120_000 }, async () => {
  const { page } = agent;
  await goAvailable(page);
  const scenario = resolve(import.meta.dirname, 'caller.xml');
  const options = ['-sf', scenario, '-i', '127.0.0.1', '-s', '1001', '-m', '1', '-nostdin', '-timeout', '600s', sip];
  caller = spawn('sipp', options, { cwd: folder, env: { ...process.env, TERM: 'dumb' }, stdio: 'ignore' });
  await page.locator('[data-action=accept]').click({ timeout: 60_000 });
  await page.getByText('In the call').waitFor({ timeout: 60_000 });
});

test('photos: at most four, seen by the agent at once, and the link is used up', { timeout: 120_000 }, async () => {
  const link = await ask('photos', 'The broken part, please.');
  await agent.page.getByText('text messages are not set up').waitFor();
  await phone.goto(link);
  await phone.getByRole('heading', { name: 'Up to 4 photos' }).waitFor();
  await phone.getByText('The broken part, please.').waitFor();
  expect(await seriousFaults(phone)).toEqual([]);
  await state('opened');
  const file = (n: number) => ({ name: `part-${n}.jpg`, mimeType: 'image/jpeg', buffer: photo });
  const choose = phone.locator('input[type=file][multiple]');
  await choose.setInputFiles({ name: 'page.html', mimeType: 'text/html', buffer: Buffer.from('<script>') });
  await phone.getByText('page.html is not a JPG or PNG picture.').waitFor();
  await choose.setInputFiles([1, 2, 3, 4, 5].map(file));
  await phone.getByText('You cannot send more than 4.').waitFor();
  await phone.getByRole('button', { name: 'Remove part-4.jpg' }).click();
  expect(await phone.locator('.chosen img').count()).toBe(3);
  await phone.getByLabel('Language').selectOption('zh');
  await phone.getByRole('heading', { name: '最多 4 张照片' }).waitFor();
  await phone.getByLabel('语言').selectOption('en');
  expect(await seriousFaults(phone)).toEqual([]);
  await phone.locator('[data-action=send]').click();
  await thanks();
  expect(await seriousFaults(phone)).toEqual([]);
  await state('done');
  const pictures = newest().locator('img');
  await expect.poll(() => pictures.count()).toBe(3);
  await expect
    .poll(() => pictures.evaluateAll((all) => all.every((img) => (img as HTMLImageElement).naturalWidth > 0)))
    .toBe(true);
  expect(await seriousFaults(agent.page)).toEqual([]);

  await phone.reload();
  await thanks();
  const stranger = await browser.newContext({ locale: 'zh-CN' });
  const other = await stranger.newPage();
  await other.goto(link);
  await other.getByRole('heading', { name: '此链接已失效' }).waitFor();
  expect(await seriousFaults(other)).toEqual([]);
  await stranger.close();
});

test('a device confirms: set up the first time, known from then on; a replay is refused', {
  timeout: 120_000,
}, async () => {
  await addDevice(phone);
  const confirm = phone.locator('[data-action=confirm]');
  await phone.goto(await ask('verification'));
  expect(await confirm.textContent()).toBe('Set up this device');
  await confirm.click();
  await phone.getByRole('button', { name: 'Now confirm with this device' }).click();
  await thanks();
  await state('done');
  await newest().locator('[data-verified=new]').waitFor();

  await phone.goto(await ask('verification'));
  const signed = phone.waitForRequest((r) => r.url().endsWith('/response'));
  await phone.getByRole('button', { name: 'Confirm with this device' }).click();
  const replay = (await signed).postData() ?? '';
  await thanks();
  await state('done');
  await newest().locator('[data-verified=known]').waitFor();

  const link = await ask('verification');
  await phone.goto(link);
  await confirm.waitFor();
  expect(await seriousFaults(phone)).toEqual([]);
  const replayed = await phone.evaluate(async (body) => {
    const token = location.pathname.split('/')[2] ?? '';
    const path = `/api/v1/customer/actions/${token}`;
    const headers = {
      'Content-Type': 'application/json',
      'Tandem-Action-Key': localStorage.getItem(`tandem.action.${token}`) ?? '',
    };
    await fetch(`${path}/challenge`, { method: 'POST', headers, body: '{}' });
    return (await fetch(`${path}/response`, { method: 'POST', headers, body })).status;
  }, replay);
  expect(replayed).toBe(422);
  await state('opened');
  await newest().getByRole('button', { name: 'Cancel it' }).click();
  await state('cancelled');
  await phone.reload();
  await phone.getByRole('heading', { name: 'This link is no longer valid' }).waitFor();
});

test('a screenshot from a file, a text, and a customer who would rather not', { timeout: 120_000 }, async () => {
  await phone.goto(await ask('screenshot'));
  await phone.locator('input[type=file]').setInputFiles({ name: 'screen.jpg', mimeType: 'image/jpeg', buffer: photo });
  await phone.locator('[data-action=send]').click();
  await thanks();
  await state('done');

  await phone.goto(await ask('text', 'Your meter, please.'));
  await phone.getByLabel('Your answer').fill('It says 4711 <b>');
  expect(await seriousFaults(phone)).toEqual([]);
  await phone.locator('[data-action=send]').click();
  await thanks();
  await newest().getByText('It says 4711 <b>').waitFor();

  await phone.goto(await ask('video'));
  expect(await seriousFaults(phone)).toEqual([]);
  await phone.locator('[data-action=decline]').click();
  await phone.getByRole('heading', { name: 'Nothing was sent' }).waitFor();
  await state('declined');
  expect(await seriousFaults(agent.page)).toEqual([]);
});

test('what was sent is on the ticket', { timeout: 120_000 }, async () => {
  const { page } = agent;
  await page.getByRole('button', { name: 'Hang up' }).click();
  await page.getByRole('region', { name: 'Wrap-up' }).waitFor();
  await page.locator('[data-action=wrapup-done]').click();
  await expect
    .poll(
      () =>
        page.evaluate(async () => {
          const tickets = await (await fetch('/api/v1/tickets?limit=1')).json();
          const ticket = await (await fetch(`/api/v1/tickets/${tickets.items[0]?.id}`)).json();
          return (ticket.attachments ?? []).filter((a: { name: string }) => /^(photos|screenshot)-/.test(a.name))
            .length;
        }),
      { timeout: 60_000 },
    )
    .toBe(4);
  expect(agent.faults).toEqual([]);
  expect(faults).toEqual([]);
});
