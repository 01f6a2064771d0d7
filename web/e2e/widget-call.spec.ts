import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clearDesks, goAvailable, heardTone, seriousFaults, signIn, startBrowser, url, visitor } from './browser';
import { openWidget } from './widget';

// A customer calls out of the widget, an agent answers: two browsers, each with a tone of its own for a voice.

const PATIENCE = { timeout: 30_000 };
const [AGENT_TONE, CUSTOMER_TONE] = [700, 1100];

let agents: { browser: Browser; stop: () => Promise<void> };
let customers: typeof agents;

beforeAll(async () => {
  [agents, customers] = await Promise.all([startBrowser(AGENT_TONE), startBrowser(CUSTOMER_TONE)]);
  await clearDesks(agents.browser);
});
afterAll(async () => {
  await agents?.stop();
  await customers?.stop();
});

test('the call rings at an agent, and both hear each other', async () => {
  const agent = await visitor(agents.browser);
  await signIn(agent.page, 'agent1');
  await goAvailable(agent.page);
  const customer = await visitor(customers.browser);
  await customer.page.goto(`${url}/demo`);
  const frame = await openWidget(customer.page);
  await frame.locator('[data-action=call]').click();
  const accept = agent.page.getByRole('button', { name: 'Accept' });
  await accept.waitFor(PATIENCE);
  await frame.getByText('please wait for an agent').waitFor(PATIENCE);
  expect(await seriousFaults(customer.page)).toEqual([]);
  expect(await agent.page.title()).toMatch(/Web User \d\d\/\d\d \d\d:\d\d/);
  await accept.click();
  await agent.page.getByText('In the call').waitFor(PATIENCE);
  await frame.locator('[data-call=talking]').waitFor(PATIENCE);
  await expect.poll(() => heardTone(agent.page), PATIENCE).toBeCloseTo(CUSTOMER_TONE, -1);
  await expect.poll(() => heardTone(frame), PATIENCE).toBeCloseTo(AGENT_TONE, -1);
  await frame.getByRole('button', { name: 'Mute', exact: true }).click();
  await frame.getByRole('button', { name: 'Unmute' }).waitFor();
  await expect.poll(() => heardTone(agent.page), PATIENCE).not.toBeCloseTo(CUSTOMER_TONE, -1);
  await frame.locator('[data-action=hangup]').click();
  await frame.locator('[data-call=ended]').waitFor();
  await agent.page.getByRole('region', { name: 'Wrap-up' }).waitFor(PATIENCE);
  await frame.getByRole('button', { name: 'Back to the chat' }).click();
  await frame.locator('textarea').waitFor();
  expect([...agent.faults, ...customer.faults]).toEqual([]);
});
