import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { heardTone, seriousFaults, type Visitor } from './browser';
import { ANNA_TONE, annaTalks, BEN_TONE, CUSTOMER_TONE, type Desks } from './desks';

// Anna has a customer on the line and sends them to Ben, by keyboard alone.

let desks: Desks;
let anna: Visitor;
let ben: Visitor;
let customer: Visitor;

beforeAll(async () => {
  desks = await annaTalks();
  ({ anna, ben, customer } = desks);
}, 120_000);
afterAll(() => desks.stop());

async function transferToBen(page: Page): Promise<void> {
  await page.keyboard.press('Alt+KeyT');
  const field = page.getByRole('dialog').locator('[data-field=transfer-to]');
  await field.waitFor();
  await page.getByRole('option', { name: /Ben Agent/ }).waitFor();
  await page.keyboard.type('Ben');
  await page.keyboard.press('Enter');
  await page.locator('[data-action=transfer-now]:enabled').focus();
  expect(await seriousFaults(page)).toEqual([]);
  await page.keyboard.press('Enter');
}

test('a colleague who declines: the customer is back with the agent, who is told', async () => {
  const { page } = anna;
  await transferToBen(page);
  await page.getByText('It rings at Ben Agent…').waitFor();
  await page.getByText('On hold: the caller hears music').waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await ben.page.getByText('由 Anna Agent 转接').first().waitFor();
  expect(await seriousFaults(ben.page)).toEqual([]);
  await ben.page.locator('[data-action=decline]').click();
  await page.getByRole('alert').getByText('Ben Agent has declined.').waitFor();
  await page.getByText('In the call').waitFor();
  await expect.poll(() => heardTone(customer.page), { timeout: 15_000 }).toBeCloseTo(ANNA_TONE, -1);
});

test('the agent takes the customer back while it rings', async () => {
  const { page } = anna;
  await ben.page.locator('[data-action=im-back]').first().click();
  await ben.page.getByText('可以接听来电').waitFor();
  await transferToBen(page);
  await page.locator('[data-action=transfer-cancel]').click();
  await page.getByText('You have taken the call back from Ben Agent.').waitFor();
  await ben.page.locator('[data-action=accept]').waitFor({ state: 'detached' });
});

test('a colleague who accepts has the customer; the agent wraps up', async () => {
  const { page, faults } = anna;
  await transferToBen(page);
  await ben.page.locator('[data-action=accept]').click({ timeout: 15_000 });
  await page.getByRole('region', { name: 'Wrap-up' }).getByText('Transferred to Ben Agent').waitFor();
  await expect.poll(() => heardTone(customer.page), { timeout: 15_000 }).toBeCloseTo(BEN_TONE, -1);
  await expect.poll(() => heardTone(ben.page), { timeout: 15_000 }).toBeCloseTo(CUSTOMER_TONE, -1);
  await customer.page.locator('[data-action=hangup]').click();
  await customer.page.locator('[data-call-state=ended]').waitFor();
  // The specs that follow need the two with nothing to do.
  for (const one of [anna, ben]) {
    await one.page.locator('[data-action=wrapup-done]').click();
    await one.page.locator('[data-action=wrapup-done]').waitFor({ state: 'detached' });
  }
  expect([...faults, ...ben.faults, ...customer.faults]).toEqual([]);
});
