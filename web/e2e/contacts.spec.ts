import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seriousFaults, signIn, startBrowser, type Visitor, visitor } from './browser';

// A team's own contacts: attributes, tags, lists, notes, and two contacts who are one.

let browser: Browser;
let stop: () => Promise<void>;
let seen: Visitor;

beforeAll(async () => {
  ({ browser, stop } = await startBrowser());
  seen = await visitor(browser);
  await signIn(seen.page, 'admin', '/admin/attributes');
});
afterAll(() => stop());

const saved = async (page: Page) => {
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
};

const addContact = async (page: Page, first: string, phone: string) => {
  await page.goto(new URL('/contacts', page.url()).href);
  await page.getByRole('button', { name: 'New contact' }).click();
  const form = page.getByRole('dialog');
  await form.getByRole('textbox', { name: 'First name' }).fill(first);
  await form.getByRole('textbox', { name: 'Last name' }).fill('Kingfisher');
  await form.getByRole('textbox', { name: 'Phone' }).fill(phone);
  await saved(page);
  await page.getByRole('heading', { level: 1, name: `${first} Kingfisher` }).waitFor();
};

test('an administrator makes an attribute', async () => {
  const { page } = seen;
  await page.getByRole('button', { name: 'New attribute' }).click();
  const form = page.getByRole('dialog');
  await form.getByRole('textbox', { name: 'Name' }).fill('Plan booked');
  await form.getByRole('combobox', { name: 'Type' }).click();
  await page.getByRole('option', { name: 'List' }).click();
  await form.getByRole('combobox', { name: 'Options' }).fill('gold');
  await form.getByRole('combobox', { name: 'Options' }).press('Enter');
  await saved(page);
  await page.getByText('plan_booked').waitFor();
  expect(await seriousFaults(page)).toEqual([]);
});

test('a contact gets a value, a tag, a list and a note', async () => {
  const { page } = seen;
  await addContact(page, 'Coralie', '+493055501001');
  await page.goto(new URL('/contacts', page.url()).href);
  await page.getByRole('button', { name: 'New list' }).click();
  await page.getByRole('dialog').getByRole('textbox', { name: 'Name' }).fill('Regulars');
  await saved(page);
  await page.getByRole('searchbox').fill('coralie king');
  await page.getByRole('row', { name: /Coralie Kingfisher/ }).click();
  await page.getByRole('button', { name: 'Edit' }).click();
  const form = page.getByRole('dialog');
  await form.getByRole('combobox', { name: 'Plan booked' }).click();
  await page.getByRole('option', { name: 'gold' }).click();
  await form.getByRole('combobox', { name: 'Tags' }).fill('harbour');
  await form.getByRole('combobox', { name: 'Tags' }).press('Enter');
  await form.getByRole('combobox', { name: 'Tags' }).press('Tab'); // away go the tags that others have
  await form.getByRole('combobox', { name: 'On lists' }).click();
  await page.getByRole('option', { name: 'Regulars' }).click();
  await saved(page);
  const panel = page.getByRole('complementary', { name: 'Contact' });
  for (const text of ['gold', 'harbour', 'Regulars']) await panel.getByText(text, { exact: true }).waitFor();
  await page.getByRole('tab', { name: 'Notes' }).click();
  await page.getByRole('textbox', { name: 'Note' }).fill('Prefers mornings');
  await page.getByRole('button', { name: 'Add note' }).click();
  await page.getByRole('tabpanel').getByText('Prefers mornings').waitFor();
  expect(await seriousFaults(page)).toEqual([]);
});

test('a list by conditions has who fulfils them', async () => {
  const { page } = seen;
  await page.goto(new URL('/contacts', page.url()).href);
  await page.getByRole('button', { name: 'New list' }).click();
  const form = page.getByRole('dialog');
  await form.getByRole('textbox', { name: 'Name' }).fill('At the harbour');
  await form.getByText('By conditions').click();
  await form.getByLabel('Value').fill('harbour');
  await saved(page);
  await page.getByRole('combobox', { name: 'List' }).click();
  await page.getByRole('option', { name: 'At the harbour' }).click();
  await page.getByRole('row', { name: /Coralie/ }).waitFor();
  await page.waitForFunction(() => document.querySelectorAll('tbody tr[data-index], tbody tr').length === 1);
  expect(await seriousFaults(page)).toEqual([]);
});

test('two contacts are merged, and brought apart again', async () => {
  const { page } = seen;
  await addContact(page, 'Cora', '+493055501002');
  await page.getByRole('button', { name: 'Merge' }).click();
  const form = page.getByRole('dialog');
  await form.getByRole('combobox', { name: 'The contact that goes into this one' }).fill('coralie');
  await page.getByRole('option', { name: /Coralie Kingfisher/ }).click();
  await form.getByRole('radio', { name: 'First name: Coralie' }).check();
  expect(await seriousFaults(page)).toEqual([]);
  await saved(page);
  await page.getByRole('heading', { level: 1, name: 'Coralie Kingfisher' }).waitFor();
  await page.getByText('+493055501001').waitFor();
  await page.getByText('Prefers mornings').waitFor();
  await page.getByRole('button', { name: 'Undo the merge' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Undo the merge' }).click();
  await page.getByRole('button', { name: 'Undo the merge' }).first().waitFor({ state: 'detached' });
  await page.getByRole('heading', { level: 1, name: 'Coralie Kingfisher' }).waitFor();
  await page.getByRole('complementary', { name: 'Contact' }).getByText('harbour').waitFor();
  await page.goto(new URL('/contacts', page.url()).href);
  await page.getByRole('row', { name: /Cora Kingfisher/ }).waitFor();
});

test('in Chinese, in the dark', async () => {
  const { page } = await visitor(browser, { chinese: true, dark: true });
  await signIn(page, 'admin', '/contacts');
  await page.getByRole('row', { name: /Coralie/ }).click();
  await page.getByRole('tab', { name: '动态' }).waitFor();
  await page.getByText('Prefers mornings').waitFor();
  expect(await seriousFaults(page)).toEqual([]);
});

test('what is shown is kept as a view', async () => {
  const { page } = seen;
  await page.goto(new URL('/contacts?tag=harbour', page.url()).href);
  await page.getByRole('row', { name: /Coralie/ }).waitFor();
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('menuitem', { name: 'Keep this as a view…' }).click();
  await page.getByRole('textbox', { name: 'Name of the view' }).fill('Harbour');
  await saved(page);
  await page.goto(new URL('/contacts', page.url()).href);
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('menuitem', { name: 'Harbour', exact: true }).click();
  await page.waitForURL('**/contacts?tag=harbour');
  await page.getByRole('row', { name: /Coralie/ }).waitFor();
  await page.getByRole('button', { name: 'Harbour' }).click();
  await page.getByRole('menuitem', { name: 'Delete: Harbour' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Views' }).waitFor();
  expect(await seriousFaults(page)).toEqual([]);
});
