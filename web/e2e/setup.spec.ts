import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { seriousFaults, signIn, startBrowser, url, type Visitor, visitor } from './browser';

// Setting things up by the screens: what is made is found again, and goes.

let browser: Browser;
let stop: () => Promise<void>;
let admin: Visitor;

beforeAll(async () => {
  ({ browser, stop } = await startBrowser());
  admin = await visitor(browser);
  await signIn(admin.page, 'admin');
});
beforeEach(() => {
  admin.faults.length = 0;
});
afterAll(() => stop());

const unique = () => `Test ${Date.now().toString(36)}`;

test('a queue setting becomes own and is inherited again', async () => {
  const { page, faults } = admin;
  await page.goto(`${url}/admin/queues`);
  await page.locator('[data-queue="Support"]').click();
  const row = page.locator('[data-setting=service_level_seconds]');
  await row.getByRole('textbox').fill('37');
  await row.getByText('Own').waitFor();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Unsaved changes').waitFor({ state: 'detached' });
  await page.reload();
  await page.locator('[data-queue="Support"]').click();
  await expect.poll(() => row.getByRole('textbox').inputValue()).toBe('37 seconds');
  await row.getByRole('button', { name: 'Inherit again' }).click();
  await row.getByText('Will be inherited').waitFor();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Unsaved changes').waitFor({ state: 'detached' });
  await expect.poll(() => row.getByRole('textbox').inputValue()).not.toBe('37 seconds');
  expect(await seriousFaults(page)).toEqual([]);
  expect(faults).toEqual([]);
});

test('the menu preview shows what callers of 1000 meet', async () => {
  const { page } = admin;
  await page.goto(`${url}/admin/queues`);
  const menu = page.locator('nav [data-queue]').filter({ hasText: 'menu' }).first();
  await menu.click();
  await page.getByRole('tab', { name: 'Menu preview' }).click();
  for (const option of ['Sales', 'Support'])
    await page.getByRole('tabpanel').getByText(option, { exact: true }).waitFor();
});

test('a spoken prompt is made, played and deleted', async () => {
  const { page, faults } = admin;
  const name = unique();
  await page.goto(`${url}/admin/prompts`);
  await page.getByRole('button', { name: 'New spoken prompt' }).click();
  await page.getByLabel('Name').fill(name);
  await page.getByRole('dialog').getByLabel('Text').fill('Good morning.');
  expect(await seriousFaults(page)).toEqual([]);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('button', { name: `Play: ${name}` }).click();
  await page.getByRole('button', { name: `Delete: ${name}` }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('cell', { name, exact: true }).waitFor({ state: 'detached' });
  expect(faults).toEqual([]);
});

test('a role is made from the permission matrix', async () => {
  const { page } = admin;
  const name = unique();
  await page.goto(`${url}/admin/roles`);
  await page.getByRole('button', { name: 'New role' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill(name);
  await page.getByLabel('Monitor Calls').selectOption('team');
  expect(await seriousFaults(page)).toEqual([]);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText(name).click();
  expect(await page.getByLabel('Monitor Calls').inputValue()).toBe('team');
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.locator('.mantine-Modal-content').getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('cell', { name }).waitFor({ state: 'detached' });
});

test('a wrong input is told at its form, in words', async () => {
  const { page } = admin;
  await page.goto(`${url}/admin/users`);
  await page.getByRole('button', { name: 'New user' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name', { exact: false }).first().fill('Somebody');
  await dialog.getByLabel('E-mail').fill('agent1@demo.test');
  await dialog.getByLabel('Password').first().fill('long enough for this');
  await dialog.getByRole('combobox', { name: 'Roles' }).focus();
  await page.keyboard.press('ArrowDown');
  await page.getByRole('option', { name: 'Agent', exact: true }).click();
  await page.keyboard.press('Tab');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByRole('alert').waitFor();
});

test('a ticket is opened, noted and moved to resolved, by keyboard where it is a list', async () => {
  const { page, faults } = admin;
  const title = unique();
  await page.goto(`${url}/tickets`);
  await page.getByRole('button', { name: 'New ticket' }).click();
  await page.getByRole('dialog').getByLabel('Subject').fill(title);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('h1').filter({ hasText: title }).waitFor();
  await page.getByLabel('Add a note').fill('Seen.');
  await page.getByRole('button', { name: 'Add note' }).click();
  await page.getByRole('article').getByText('Seen.').waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await page.locator('[data-status=resolved]').click();
  await page.locator('[data-status=reopened]').waitFor();
  await page.locator('[data-status=reopened]').click();
  await page.getByRole('link', { name: 'All tickets' }).click();
  const row = page.getByRole('row').filter({ hasText: title });
  await row.focus();
  await page.keyboard.press('Enter');
  await page.locator('h1').filter({ hasText: title }).waitFor();
  expect(faults).toEqual([]);
});
