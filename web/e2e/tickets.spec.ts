import type { APIRequestContext, Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seriousFaults, signedIn, signIn, startBrowser, url, type Visitor, visitor } from './browser';
import { makeTicket } from './tickets';

// A team without another CRM: fields, the board, merging, and promises that run out while the page is open.

let browser: Browser;
let stop: () => Promise<void>;
let admin: Visitor;
let api: APIRequestContext;

beforeAll(async () => {
  ({ browser, stop } = await startBrowser());
  admin = await visitor(browser);
  await signIn(admin.page, 'admin', '/tickets');
  api = await signedIn(browser, 'admin');
});
afterAll(() => stop());

const column = (page: Page, name: string) => page.getByRole('region', { name, exact: true });

test('a field that is needed is named when a ticket is resolved without it', { timeout: 60_000 }, async () => {
  const { page } = admin;
  await page.goto(`${url}/admin/ticket-types`);
  await page.getByRole('cell', { name: 'Refund', exact: true }).click();
  const drawer = page.getByRole('dialog');
  await drawer.getByRole('button', { name: 'Add a field' }).click();
  await drawer.getByRole('textbox', { name: 'Name' }).fill('Order number');
  await drawer.getByLabel('Needed before a ticket is resolved').check();
  expect(await seriousFaults(page)).toEqual([]);
  await drawer.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('cell', { name: 'Order number *' }).waitFor();

  const { id } = await makeTicket(api, { title: 'Money back', type: 'refund' });
  await page.goto(`${url}/tickets/${id}`);
  await page.getByRole('button', { name: 'Resolved', exact: true }).click();
  await page.getByText('“Order number” is needed before the ticket is resolved.').waitFor();
  const input = page.getByRole('textbox', { name: 'Order number' });
  await input.fill('A-1723');
  await input.blur();
  await page.getByRole('button', { name: 'Resolved', exact: true }).click();
  await page.getByRole('button', { name: 'Reopened', exact: true }).waitFor();
  expect(await seriousFaults(page)).toEqual([]);
});

test('cards go where they may by keyboard, and filters stand in the address', { timeout: 60_000 }, async () => {
  const { page } = admin;
  const { number } = await makeTicket(api, { title: 'Lamp flickers', priority: 'high' });
  await makeTicket(api, { title: 'Of no account', priority: 'low' });
  await page.goto(`${url}/tickets`);
  await page.getByRole('combobox', { name: 'Priority' }).click();
  await page.getByRole('option', { name: 'High' }).click();
  await page.getByText('Board', { exact: true }).click();
  await column(page, 'To do').getByText('Lamp flickers').waitFor();
  expect(await page.getByText('Of no account').count()).toBe(0);
  expect(new URL(page.url()).searchParams.get('priority')).toBe('high');
  await page.reload();
  await column(page, 'To do').getByText('Lamp flickers').waitFor();
  expect(await seriousFaults(page)).toEqual([]);

  await page.getByRole('button', { name: `Move #${number}`, exact: true }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('menuitem', { name: 'In progress' }).waitFor();
  expect(await page.getByRole('menuitem').allTextContents()).toEqual(['In progress', 'On hold', 'Resolved']);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await column(page, 'In progress').getByText('Lamp flickers').waitFor();
  await page.getByText(`#${number} is now: In progress`).waitFor({ state: 'attached' });

  await column(page, 'In progress').getByText('Lamp flickers').dragTo(column(page, 'To do'));
  await column(page, 'In progress').getByText('Lamp flickers').dragTo(column(page, 'On hold'));
  await column(page, 'On hold').getByText('Lamp flickers').waitFor();
});

test('a merged ticket leads to the one that took it over', { timeout: 60_000 }, async () => {
  const { page } = admin;
  const old = await makeTicket(api, { title: 'Sofa late, once more' });
  const kept = await makeTicket(api, { title: 'Sofa is late' });
  await api.post(`${url}/api/v1/tickets/${old.id}/notes`, { data: { body: 'Rang twice' } });
  await page.goto(`${url}/tickets/${old.id}`);
  await page.getByRole('button', { name: 'More actions' }).click();
  await page.getByRole('menuitem', { name: 'Merge into another' }).click();
  await page.getByRole('combobox', { name: 'Into' }).fill(`#${kept.number}`);
  await page.getByRole('option', { name: `#${kept.number} Sofa is late` }).click();
  expect(await seriousFaults(page)).toEqual([]);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.waitForURL(`**/tickets/${kept.id}`);
  await page.getByText('Rang twice').waitFor();

  await page.goto(`${url}/tickets/${old.id}`);
  await page.waitForURL(`**/tickets/${kept.id}`);
  await page.getByText('Merged in:').waitFor();
  const followed = await api.get(`${url}/api/v1/tickets/${old.id}`, { maxRedirects: 0 });
  expect(followed.status()).toBe(308);
});

test('a promise at risk is seen at once by whoever has the ticket', { timeout: 90_000 }, async () => {
  const { page } = admin;
  const promise = (seconds: number) =>
    api.put(`${url}/api/v1/sla-policies`, {
      data: { priority: 'urgent', response_seconds: seconds, resolution_seconds: seconds },
    });
  const me = (await (await api.get(`${url}/api/v1/me`)).json()) as { id: string };
  await page.goto(`${url}/tickets?priority=urgent`);
  // At risk after 28 s, broken after 35: the server looks every 5.
  await promise(35);
  const { number } = await makeTicket(api, { title: 'Fire in the shop', priority: 'urgent', assignee: me.id });
  await promise(3600);
  const row = page.getByRole('row', { name: 'Fire in the shop' });
  await row.getByText('Running').waitFor();
  await row.getByText('At risk').waitFor({ timeout: 60_000 });
  await page.getByText(`Ticket #${number} “Fire in the shop” is at risk`).waitFor();
  // The browser writes of a refusal that was asked for.
  expect(admin.faults.filter((fault) => !fault.includes('status of 422'))).toEqual([]);
});
