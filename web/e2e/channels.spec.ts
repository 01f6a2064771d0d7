import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seriousFaults, signIn, startBrowser, url, type Visitor, visitor } from './browser';

let browser: Browser;
let stop: () => Promise<void>;

beforeAll(async () => {
  ({ browser, stop } = await startBrowser());
});
afterAll(() => stop());

describe('channels and what belongs to them', () => {
  let person: Visitor;
  beforeAll(async () => {
    person = await visitor(browser);
    await signIn(person.page, 'admin');
  });
  afterAll(() => person.context.close());

  test('an account is made, switched off and archived; its secrets are not shown', async () => {
    const { page } = person;
    await page.goto(`${url}/admin/channels`);
    await page.getByRole('button', { name: 'New account' }).click();
    const drawer = page.getByRole('dialog');
    await drawer.getByLabel('What do you want to connect?').click();
    await page.getByRole('option', { name: 'Telegram' }).click();
    await drawer.getByLabel('Name', { exact: true }).fill('Trail bot');
    await drawer.getByLabel('Name in addresses').fill('trail');
    await drawer.getByLabel('Bot token').fill('123:abc');
    await drawer.getByLabel('Secret token').fill('word');
    expect(await seriousFaults(page)).toEqual([]);
    await drawer.getByRole('button', { name: 'Save' }).click();

    await page.getByRole('row', { name: /Trail bot/ }).click();
    await drawer.getByText('/hooks/telegram/trail').waitFor();
    expect(await drawer.getByLabel('Bot token').inputValue()).toBe('');
    await drawer.getByRole('button', { name: 'Switch off' }).click();
    await drawer.locator('[data-account-state=off]').waitFor();
    expect(await seriousFaults(page)).toEqual([]);

    await drawer.getByRole('button', { name: 'Archive' }).click();
    await page
      .getByRole('dialog', { name: /Archive “Trail bot”/ })
      .getByRole('button', { name: 'Archive' })
      .click();
    await page.getByRole('row', { name: /Trail bot/ }).waitFor({ state: 'detached' });
  });

  test('a canned response is written with a variable, found and removed', async () => {
    const { page } = person;
    await page.goto(`${url}/admin/canned`);
    await page.getByRole('button', { name: 'New text' }).click();
    const drawer = page.getByRole('dialog');
    await drawer.getByLabel('Shortcut').fill('greet');
    await drawer.getByLabel('Text', { exact: false }).last().fill('Hello ');
    await drawer.getByRole('button', { name: 'The customer’s first name' }).click();
    await drawer.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('row', { name: /\/greet/ }).waitFor();
    await page.getByRole('searchbox').fill('customer.first');
    await page.getByRole('row', { name: /Hello \{\{customer\.first_name\}\}/ }).click();
    await drawer.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog', { name: /greet/ }).getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('row', { name: /\/greet/ }).waitFor({ state: 'detached' });
  });

  test('the widget is changed, and its secret shown once', async () => {
    const { page } = person;
    await page.goto(`${url}/admin/widget`);
    const title = page.getByRole('tabpanel').getByLabel('Title');
    await title.fill('Larkspur help');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved').first().waitFor();
    await page.reload();
    await title.waitFor();
    expect(await title.inputValue()).toBe('Larkspur help');
    await page.getByText('/widget.js?account=demo').waitFor();
    await page.getByRole('button', { name: 'Make a new secret' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Make a new secret' }).click();
    expect((await page.getByRole('status').locator('pre').textContent())?.length).toBeGreaterThan(30);
  });
});
