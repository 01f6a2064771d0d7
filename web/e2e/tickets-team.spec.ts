import type { APIRequestContext, Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { seriousFaults, signedIn, signIn, startBrowser, url, type Visitor, visitor } from './browser';
import { serveMail } from './site';
import { makeTicket } from './tickets';

// What a team makes its own: types, views, links between tickets, and what customers are asked by mail.

let browser: Browser;
let stop: () => Promise<void>;
let admin: Visitor;
let api: APIRequestContext;

beforeAll(async () => {
  ({ browser, stop } = await startBrowser());
  admin = await visitor(browser);
  await signIn(admin.page, 'admin', '/admin/ticket-types');
  api = await signedIn(browser, 'admin');
});
afterAll(() => stop());

test('a type of one’s own, and a view of its tickets', { timeout: 60_000 }, async () => {
  const { page } = admin;
  await page.getByRole('button', { name: 'New type' }).click();
  const drawer = page.getByRole('dialog');
  await drawer.getByRole('textbox', { name: 'Name of the type' }).fill('Warranty');
  await drawer.getByRole('button', { name: 'Add a field' }).click();
  await drawer.getByRole('textbox', { name: 'Name', exact: true }).fill('Receipt');
  expect(await seriousFaults(page)).toEqual([]);
  await drawer.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('cell', { name: 'Warranty', exact: true }).waitFor();

  const { id } = await makeTicket(api, { title: 'Stove leaks' });
  await makeTicket(api, { title: 'Nothing to do with it' });
  await page.goto(`${url}/tickets/${id}`);
  await page.getByRole('combobox', { name: 'Type' }).click();
  await page.getByRole('option', { name: 'Warranty' }).click();
  await page.getByRole('textbox', { name: 'Receipt' }).waitFor();

  await page.goto(`${url}/tickets`);
  await page.getByRole('combobox', { name: 'Type' }).click();
  await page.getByRole('option', { name: 'Warranty' }).click();
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('menuitem', { name: 'Keep this as a view…' }).click();
  await page.getByRole('textbox', { name: 'Name of the view' }).fill('Warranties');
  await page.getByLabel('For everybody who sees this list').check();
  expect(await seriousFaults(page)).toEqual([]);
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await page.getByRole('button', { name: 'Warranties' }).waitFor();

  // A colleague has it, too, and cannot delete it.
  const agent = await visitor(browser);
  await signIn(agent.page, 'agent1', '/tickets');
  await agent.page.getByRole('button', { name: 'Views' }).click();
  await agent.page.getByRole('menuitem', { name: /^Warranties/ }).click();
  await agent.page.getByRole('row', { name: /Stove leaks/ }).waitFor();
  expect(await agent.page.getByText('Nothing to do with it').count()).toBe(0);
  await agent.page.getByRole('button', { name: 'Warranties' }).click();
  await agent.page.getByRole('menuitem', { name: /^Warranties/ }).waitFor();
  expect(await agent.page.getByRole('menuitem', { name: 'Delete: Warranties' }).count()).toBe(0);
  await agent.context.close();
});

test('a ticket is linked to a contact and another ticket, and unlinked', { timeout: 60_000 }, async () => {
  const { page } = admin;
  const one = await makeTicket(api, { title: 'Boots arrived wet' });
  const other = await makeTicket(api, { title: 'Lorry in the rain' });
  await page.goto(`${url}/tickets/${one.id}`);
  await page.getByRole('button', { name: 'Add a link' }).click();
  await page.getByRole('dialog').getByRole('combobox', { name: 'Contact' }).fill('amelia');
  await page.getByRole('option', { name: /Amelia Thorne/ }).click();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('complementary').getByRole('link', { name: 'Amelia Thorne' }).waitFor();
  await page.getByRole('button', { name: 'Add a link' }).click();
  await page.getByRole('dialog').getByText('Another ticket').first().click();
  await page.getByRole('dialog').getByRole('combobox', { name: 'Another ticket' }).fill('lorry');
  await page.getByRole('option', { name: `#${other.number} Lorry in the rain` }).click();
  expect(await seriousFaults(page)).toEqual([]);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('link', { name: `#${other.number} Lorry in the rain` }).click();
  await page.getByRole('link', { name: `#${one.number} Boots arrived wet` }).waitFor();
  await page.getByRole('button', { name: 'Remove the link' }).click();
  await page.getByText('Nothing is linked.').waitFor();
});

test('a customer without a conversation is asked by mail, and the report tells', { timeout: 90_000 }, async () => {
  const { page } = admin;
  const mail = await serveMail();
  await api.put(`${url}/api/v1/ticket-settings`, { data: { survey: 'faces', survey_mail: true } });
  const contact = await api.post(`${url}/api/v1/contacts`, {
    data: { first_name: 'Ruth', email: 'ruth@example.com', phone: '+493055501003' },
  });
  const { id } = await makeTicket(api, {
    title: 'Map missing',
    contact_id: ((await contact.json()) as { id: string }).id,
  });
  await api.patch(`${url}/api/v1/tickets/${id}`, { data: { status: 'resolved' } });
  await vi.waitFor(() => expect(mail.mails.length).toBe(1), { timeout: 20_000, interval: 100 });
  // Quoted-printable breaks lines.
  const token = (mail.mails[0] ?? '').replaceAll('=\n', '').match(/\/survey\/([\w-]+)/)?.[1];
  const customer = await visitor(browser);
  await customer.page.goto(`${url}/survey/${token}`);
  await customer.page.getByRole('radio', { name: 'Satisfied', exact: true }).click();
  expect(await seriousFaults(customer.page)).toEqual([]);
  await customer.page.getByRole('button', { name: 'Send' }).click();
  await customer.page.getByText('Thank you for your answer!').waitFor();
  await customer.context.close();
  mail.close();
  await api.put(`${url}/api/v1/ticket-settings`, { data: { survey: 'off' } });
  await page.goto(`${url}/tickets/${id}`);
  await page.getByText('5 of 5').waitFor();

  await page.goto(`${url}/reports?tab=tickets`);
  await page.getByRole('combobox', { name: 'Period' }).click();
  await page.getByRole('option', { name: 'Last 7 days' }).click();
  await page.getByRole('img', { name: 'New by day' }).waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  const href = await page.getByRole('link', { name: 'Download CSV' }).getAttribute('href');
  const table = await (await api.get(url + href)).text();
  expect(table.split('\r\n')[0]).toContain('of,id,name,created,resolved');
  expect(table).toMatch(/\r\ntotal,/);
  expect(admin.faults).toEqual([]);
});
