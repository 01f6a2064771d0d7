import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { heardTone, seriousFaults, type Visitor } from './browser';
import { ANNA_TONE, annaTalks, BEN_TONE, CUSTOMER_TONE, type Desks } from './desks';

// Anna has a customer on the line and asks Ben in before she hands over, by keyboard alone.

let desks: Desks;
let anna: Visitor;
let ben: Visitor;
let customer: Visitor;

beforeAll(async () => {
  desks = await annaTalks();
  ({ anna, ben, customer } = desks);
}, 120_000);
afterAll(() => desks.stop());

const hears = (page: Page, tone: number) =>
  expect.poll(() => heardTone(page), { timeout: 15_000 }).toBeCloseTo(tone, -1);

async function consultBen(page: Page): Promise<void> {
  await page.keyboard.press('Alt+KeyO');
  await page.getByRole('dialog').locator('[data-field=transfer-to]').waitFor();
  await page.getByRole('option', { name: /Ben Agent/ }).waitFor();
  await page.keyboard.type('Ben');
  await page.keyboard.press('Enter');
  await page.locator('[data-action=consult-now]:enabled').focus();
  expect(await seriousFaults(page)).toEqual([]);
  await page.keyboard.press('Enter');
  await page.getByText('It rings at Ben Agent…').waitFor();
}

test('a colleague is consulted while the customer hears music, and the agent goes back', async () => {
  const { page } = anna;
  await consultBen(page);
  await ben.page.getByText('Anna Agent 邀请您加入').first().waitFor();
  await ben.page.locator('[data-action=accept]').click();
  await page.getByText('Consulting: the caller hears music').waitFor();
  await hears(page, BEN_TONE);
  await hears(ben.page, ANNA_TONE);
  expect(await page.locator('[data-party=customer]').getAttribute('data-party-state')).toBe('held');
  expect(await ben.page.locator('[data-party=agent]').textContent()).toContain('Anna Agent');
  expect(await seriousFaults(page)).toEqual([]);
  expect(await seriousFaults(ben.page)).toEqual([]);
  await page.keyboard.press('Alt+KeyH');
  await page.getByText('Ben Agent has left the call.').waitFor();
  await hears(customer.page, ANNA_TONE);
});

test('all talk, and the agent leaves the customer to the colleague', async () => {
  const { page, faults } = anna;
  await consultBen(page);
  await ben.page.locator('[data-action=accept]').click({ timeout: 15_000 });
  await page.locator('[data-action=join]').waitFor();
  await page.keyboard.press('Alt+KeyB');
  await page.locator('[data-party=customer][data-party-state=talking]').waitFor();
  await ben.page.locator('[data-party=customer][data-party-state=talking]').waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await page.locator('[data-action=add]').click();
  await page.getByRole('dialog').getByText('Add somebody to the call').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.keyboard.press('Alt+KeyX');
  await page.getByRole('region', { name: 'Wrap-up' }).waitFor();
  await hears(customer.page, BEN_TONE);
  await hears(ben.page, CUSTOMER_TONE);
  await ben.page.locator('[data-roster]').waitFor({ state: 'detached' });
  await customer.page.locator('[data-action=hangup]').click();
  await customer.page.locator('[data-call-state=ended]').waitFor();
  for (const one of [anna, ben]) {
    await one.page.locator('[data-action=wrapup-done]').click();
    await one.page.locator('[data-action=wrapup-done]').waitFor({ state: 'detached' });
  }
  expect([...faults, ...ben.faults, ...customer.faults]).toEqual([]);
});
