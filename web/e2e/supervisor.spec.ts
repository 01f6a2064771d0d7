import { spawn } from 'node:child_process';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  clearDesks,
  goAvailable,
  heardTone,
  seriousFaults,
  signIn,
  startBrowser,
  url,
  type Visitor,
  visitor,
} from './browser';

// A supervisor in a browser of their own: an agent and a customer talk in two others, and SIPp's callers wait.

const AGENT_TONE = 700;
const CUSTOMER_TONE = 1100;
const SUPERVISOR_TONE = 500;
const WAITING = 3;
// How long to wait for what must come, on a machine that has much else to do.
const PATIENCE = { timeout: 30_000 };

const browsers: Array<{ browser: Browser; stop: () => Promise<void> }> = [];
let agent: Visitor;
let customer: Visitor;
let boss: Visitor;
let sipp: ReturnType<typeof spawn> | undefined;

async function open(tone: number): Promise<Visitor> {
  const started = await startBrowser(tone);
  browsers.push(started);
  return visitor(started.browser);
}

beforeAll(async () => {
  agent = await open(AGENT_TONE);
  await clearDesks(browsers[0]?.browser as Browser);
  customer = await open(CUSTOMER_TONE);
  boss = await open(SUPERVISOR_TONE);
  await signIn(agent.page, 'agent2');
  await goAvailable(agent.page);
  await customer.page.goto(`${url}/demo`);
  await customer.page.getByLabel('Your name').fill('Rosa Lindqvist');
  await customer.page.locator('select[name=number]').selectOption('1001');
  await customer.page.locator('[data-action=call]').click();
  await agent.page.locator('[data-action=accept]').click({ timeout: 30_000 });
  await customer.page.locator('[data-call-state=talking]').waitFor({ timeout: 30_000 });
  await signIn(boss.page, 'supervisor', '/supervisor');
  sipp = await callers();
}, 120_000);

afterAll(async () => {
  sipp?.kill();
  for (const { stop } of browsers) await stop();
});

/** Callers of 1001, which is Support: its agent talks already, so they wait. */
async function callers() {
  const sip = process.env.TANDEM_SIP;
  if (!sip) throw new Error('TANDEM_SIP is not set: run this by scripts/with-server.sh');
  const args = ['-sn', 'uac', sip, '-s', '1001', '-i', '127.0.0.1', '-mi', '127.0.0.1', '-rtp_echo', '-nostdin'];
  const limits = ['-m', String(WAITING), '-l', String(WAITING), '-r', '2', '-d', '600000'];
  return spawn('sipp', [...args, ...limits], { env: { ...process.env, TERM: 'dumb' }, stdio: 'ignore', cwd: '/tmp' });
}

const tab = (page: Page, name: string) => page.getByRole('tab', { name }).click();
const rows = (page: Page, table: string) => page.getByRole('table', { name: table }).locator('tbody tr[data-index]');

test('who waits is listed live, and can be searched and filtered', async () => {
  const { page, faults } = boss;
  await tab(page, 'Calls queued');
  await expect.poll(() => rows(page, 'Calls queued').count(), PATIENCE).toBe(WAITING);
  await page.getByLabel('Search caller, agent or queue').fill('nobody of that name');
  await page.getByText('Nothing matches the search').waitFor();
  await page.getByLabel('Search caller, agent or queue').fill('support');
  await expect.poll(() => rows(page, 'Calls queued').count(), PATIENCE).toBe(WAITING);
  await page.getByRole('button', { name: 'Filters' }).click();
  await page.getByRole('dialog').getByLabel('Dialled').fill('1999');
  await page.getByText('Nothing matches the search').waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await page.keyboard.press('Escape');
  await page.getByLabel('Search caller, agent or queue').fill('');
  await expect.poll(() => rows(page, 'Calls queued').count(), PATIENCE).toBe(WAITING);
  expect(await seriousFaults(page)).toEqual([]);
  expect(faults).toEqual([]);
});

test('the wall board counts them, and says that help is needed', async () => {
  const { page } = boss;
  await tab(page, 'Queues');
  const support = page.getByRole('region', { name: /Support/ });
  await expect.poll(() => support.locator('dd').first().textContent(), PATIENCE).toBe(String(WAITING));
  expect(await seriousFaults(page)).toEqual([]);
});

test('a connected call: details with both legs, by the keyboard alone', async () => {
  const { page } = boss;
  await page.getByRole('tab', { name: 'Queues' }).focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  await page.getByRole('tab', { name: 'Calls connected', selected: true }).waitFor();
  const row = rows(page, 'Calls connected').filter({ hasText: 'Rosa Lindqvist' });
  await row.waitFor();
  await row.focus();
  await page.keyboard.press('Enter');
  const details = page.getByRole('dialog', { name: 'Call details' });
  await details.getByText('Customer', { exact: true }).waitFor();
  await details.getByText('Agent: Ben Agent').waitFor();
  await expect.poll(() => details.getByRole('cell', { name: /^\d\.\d\d$/ }).count(), PATIENCE).toBeGreaterThan(0);
  expect(await seriousFaults(page)).toEqual([]);
  await page.keyboard.press('Escape');
  await details.waitFor({ state: 'detached' });
});

test('the supervisor listens: hears both, is heard by nobody, and stops with one key', async () => {
  const { page, faults } = boss;
  const row = rows(page, 'Calls connected').filter({ hasText: 'Rosa Lindqvist' });
  await row.locator('[data-action=monitor]').click();
  await page.getByText('Nobody hears you').waitFor();
  const heard = new Set<number>();
  const either = async () => {
    const tone = await heardTone(page);
    for (const known of [AGENT_TONE, CUSTOMER_TONE]) if (Math.abs(tone - known) < 10) heard.add(known);
    return heard.size;
  };
  await expect.poll(either, PATIENCE).toBeGreaterThan(0);
  expect(await heardTone(customer.page)).toBeCloseTo(AGENT_TONE, -1);
  expect(await heardTone(agent.page)).toBeCloseTo(CUSTOMER_TONE, -1);
  expect(await seriousFaults(page)).toEqual([]);
  await page.keyboard.press('Alt+KeyS');
  await page.getByText('Nobody hears you').waitFor({ state: 'detached' });
  await expect.poll(() => heardTone(page), PATIENCE).toBe(0);
  expect(faults).toEqual([]);
});

test('an agent: what they do, and their details', async () => {
  const { page } = boss;
  await tab(page, 'Agents');
  await page.getByLabel('Search agents').fill('Ben');
  const row = rows(page, 'Agents').filter({ hasText: 'Ben Agent' });
  await row.getByText('In a call').waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await row.locator('td').first().click();
  await page.getByRole('dialog', { name: 'Agent details' }).getByText('Open the call').waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await page.keyboard.press('Escape');
});

test('a manager raises a priority, and ends a call: named, with a reason, once', async () => {
  const { page, context, faults } = await visitor((browsers[2] as { browser: Browser }).browser);
  await signIn(page, 'manager', '/supervisor?tab=queued');
  const first = rows(page, 'Calls queued').first();
  await first.locator('[data-action=more]').click();
  await page.getByRole('menuitem', { name: 'Change priority' }).click();
  await page.getByRole('textbox', { name: 'Priority' }).fill('50');
  await page.getByRole('button', { name: 'Save' }).click();
  await rows(page, 'Calls queued').getByRole('cell', { name: '50', exact: true }).waitFor();

  await tab(page, 'Calls connected');
  const row = rows(page, 'Calls connected').filter({ hasText: 'Rosa Lindqvist' });
  await row.locator('[data-action=more]').click();
  await page.getByRole('menuitem', { name: 'End call' }).click();
  const dialog = page.getByRole('dialog', { name: 'End this call?' });
  await dialog.getByText('Rosa Lindqvist').waitFor();
  expect(await dialog.getByRole('button', { name: 'End call' }).isDisabled()).toBe(true);
  expect(await seriousFaults(page)).toEqual([]);
  await dialog.getByRole('combobox').click();
  await page.getByRole('option', { name: 'Test or mistake' }).click();
  await dialog.getByRole('button', { name: 'End call' }).dblclick();
  await page.getByText('has been ended').waitFor();
  await customer.page.locator('[data-call-state=ended]').waitFor();
  await row.waitFor({ state: 'detached' });
  expect(faults).toEqual([]);
  // Nobody is to ring at the agents of the next tests.
  const { items } = await (await context.request.get(`${url}/api/v1/live/calls`)).json();
  for (const call of items) await context.request.post(`${url}/api/v1/calls/${call.call_id}/end`, { data: {} });
  await tab(page, 'Calls queued');
  await page.getByText('Nobody is waiting').waitFor();
  await context.close();
});

test('a long list is drawn in part, and the keyboard goes through all of it', async () => {
  const { page, context, faults } = await visitor((browsers[2] as { browser: Browser }).browser);
  await signIn(page, 'admin', '/supervisor?tab=agents');
  const table = page.getByRole('table', { name: 'Agents' });
  await expect.poll(async () => Number(await table.getAttribute('aria-rowcount')), PATIENCE).toBeGreaterThan(150);
  expect(await rows(page, 'Agents').count()).toBeLessThan(100);
  await rows(page, 'Agents').first().focus();
  await page.keyboard.press('End');
  const last = Number(await table.getAttribute('aria-rowcount')) - 2;
  await expect
    .poll(() => page.evaluate(() => document.activeElement?.getAttribute('data-index')), PATIENCE)
    .toBe(String(last));
  await page.keyboard.press('Home');
  await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute('data-index')), PATIENCE).toBe('0');
  expect(await seriousFaults(page)).toEqual([]);
  expect(faults).toEqual([]);
  await context.close();
});
