import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clearDesks, heardTone, seriousFaults, signIn, startBrowser, url, type Visitor, visitor } from './browser';

// A customer calls from /demo, an agent answers with the keyboard: two browsers, each with a tone of its own for a voice.

const AGENT_TONE = 700;
const CUSTOMER_TONE = 1100;

let agents: { browser: Browser; stop: () => Promise<void> };
let customers: { browser: Browser; stop: () => Promise<void> };
let agent: Visitor;
let customer: Visitor;

beforeAll(async () => {
  agents = await startBrowser(AGENT_TONE);
  customers = await startBrowser(CUSTOMER_TONE);
  await clearDesks(agents.browser);
  agent = await visitor(agents.browser);
  customer = await visitor(customers.browser);
  await signIn(agent.page, 'agent1');
});
afterAll(async () => {
  await agents?.stop();
  await customers?.stop();
});

async function call(number: string): Promise<void> {
  const { page } = customer;
  await page.goto(`${url}/demo`);
  await page.getByLabel('Your name').fill('Rosa Lindqvist');
  await page.locator('select[name=number]').selectOption(number);
  await page.locator('[data-action=call]').click();
}

test('the customer hears itself at the echo number', async () => {
  await call('1003');
  // No person answers here: the call is being connected for ever, and plays.
  await customer.page.locator('[data-call-stage=playing]').waitFor();
  await expect.poll(() => heardTone(customer.page), { timeout: 30_000 }).toBeCloseTo(CUSTOMER_TONE, -1);
  expect(await seriousFaults(customer.page)).toEqual([]);
  await customer.page.locator('[data-action=hangup]').click();
  await customer.page.locator('[data-call-state=ended]').waitFor();
  expect(customer.faults).toEqual([]);
});

test('the agent goes online: microphone proven by its level, then available', async () => {
  const { page } = agent;
  await page.locator('[data-action=go-online]').click();
  await page.locator('[data-action=go-available]:enabled').waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await page.locator('[data-action=go-available]').click();
  await page.getByText('Ready for calls').waitFor();
  await page.getByText('Connecting the audio…').waitFor({ state: 'detached' });
});

test('an offer is accepted by Alt+A from another screen, and both hear each other', async () => {
  const { page } = agent;
  await page.getByRole('link', { name: 'Tickets' }).click();
  await call('1001');
  await page.locator('[data-action=accept]').waitFor({ timeout: 30_000 });
  expect(await page.title()).toContain('Rosa Lindqvist');
  expect(await seriousFaults(page)).toEqual([]);
  await page.keyboard.press('Alt+KeyA');
  await page.locator('[data-action=accept]').waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'Desktop' }).first().click();
  await page.getByText('In the call').waitFor({ timeout: 30_000 });
  await customer.page.locator('[data-call-state=talking]').waitFor();
  await expect.poll(() => heardTone(page), { timeout: 15_000 }).toBeCloseTo(CUSTOMER_TONE, -1);
  await expect.poll(() => heardTone(customer.page), { timeout: 15_000 }).toBeCloseTo(AGENT_TONE, -1);
  expect(await seriousFaults(page)).toEqual([]);
});

test('mute silences the agent for the customer, hold plays music to them', async () => {
  const { page } = agent;
  await page.keyboard.press('Alt+KeyM');
  await page.getByText('You are muted').waitFor();
  await expect.poll(() => heardTone(customer.page), { timeout: 15_000 }).not.toBeCloseTo(AGENT_TONE, -1);
  await page.keyboard.press('Alt+KeyM');
  await page.getByText('You are muted').waitFor({ state: 'detached' });
  await page.keyboard.press('Alt+KeyH');
  await page.getByText('On hold: the caller hears music').waitFor();
  await page.keyboard.press('Alt+KeyH');
  await page.getByText('In the call').waitFor();
});

test('a reload in mid-call: the same call, the notes and the sound are back', async () => {
  const { page } = agent;
  await page.locator('[data-field=call-notes]').fill('Wants the blue tent.');
  // The microphone is back before the server has greeted: what it brings about must wait.
  await page.route('**/api/v1/ws-ticket', async (route) => {
    await page.waitForTimeout(700);
    await route.continue();
  });
  await page.reload();
  await page.getByText('In the call').waitFor();
  await page.unroute('**/api/v1/ws-ticket');
  expect(await page.locator('[data-field=call-notes]').inputValue()).toBe('Wants the blue tent.');
  await expect.poll(() => heardTone(customer.page), { timeout: 15_000 }).toBeCloseTo(AGENT_TONE, -1);
  await expect.poll(() => heardTone(page), { timeout: 15_000 }).toBeCloseTo(CUSTOMER_TONE, -1);
});

test('the customer hangs up, the agent wraps up and is ready again; the call is among the recent ones', async () => {
  const { page, faults } = agent;
  await customer.page.locator('[data-action=hangup]').click();
  await page.getByRole('region', { name: 'Wrap-up' }).waitFor();
  expect(await page.locator('[data-field=notes]').inputValue()).toBe('Wants the blue tent.');
  expect(await seriousFaults(page)).toEqual([]);
  const disposition = page.locator('[data-field=disposition]');
  if (await disposition.count()) {
    await disposition.click();
    await page.getByRole('option').first().click();
  }
  await page.locator('[data-action=wrapup-done]').click();
  await page.getByText('Ready for calls').waitFor();
  await page.getByRole('table', { name: 'Recent calls' }).getByText('Rosa Lindqvist').first().waitFor();
  expect(faults).toEqual([]);
  expect(customer.faults).toEqual([]);
});
