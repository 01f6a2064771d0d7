import { createHmac } from 'node:crypto';
import type { APIRequestContext, Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  clearDesks,
  goAvailable,
  seriousFaults,
  signedIn,
  signIn,
  startBrowser,
  url,
  type Visitor,
  visitor,
} from './browser';
import { type Stage, startStage } from './stage';
import { makeTicket } from './tickets';

// What two agents do together: handing on, working together, calls beside chats; and what is left when the window is closed.

const PATIENCE = { timeout: 20_000 };
const DORA = { customer: 'U000000000000000000000000000a0d0a', name: 'Dora Dahl' };
const EMIL = { customer: '+14155550123', name: '+1 415-555-0123' };
const FAY = { customer: '15551230009', name: 'Fay Fox' };

let browser: Browser;
let stop: () => Promise<void>;
let stage: Stage;
let admin: APIRequestContext;
let anna: Visitor;
let ben: Visitor;

beforeAll(async () => {
  ({ browser, stop } = await startBrowser());
  await clearDesks(browser);
  admin = await signedIn(browser, 'admin');
  stage = await startStage(admin);
  // A call leaves room for two chats.
  const changed = await admin.patch(`${url}/api/v1/queue-settings`, {
    data: { set: { weights: { web: { weight: 50 } } } },
  });
  expect(changed.status(), await changed.text()).toBe(200);
  [anna, ben] = [await visitor(browser), await visitor(browser)];
  for (const one of [anna, ben]) one.page.setDefaultTimeout(10_000);
  await signIn(anna.page, 'agent1', '/?part=inbox');
  await signIn(ben.page, 'agent2', '/?part=inbox');
});

afterAll(async () => {
  await admin?.patch(`${url}/api/v1/queue-settings`, { data: { reset: ['weights'] } });
  await stage?.stop();
  await stop();
});

const row = (page: Page, name: string) => page.locator('ul[data-rows] button').filter({ hasText: name });
const said = (page: Page, text: string) =>
  page.getByRole('list', { name: 'Messages' }).locator('[data-message]').filter({ hasText: text }).last();
const field = (page: Page) => page.getByLabel('Message to the customer');
const offer = (page: Page, name: string) => page.locator('[data-offer]').filter({ hasText: name });

async function send(page: Page, text: string): Promise<void> {
  await field(page).fill(text);
  await field(page).press('Enter');
  await said(page, text).waitFor(PATIENCE);
}

/** Accepts a chat at whichever of the two it rings; only looks at the other, whom it may ring next. */
async function accepts(name: string): Promise<Visitor> {
  const rung = await Promise.any(
    [anna, ben].map(async (one) => {
      await offer(one.page, name).waitFor(PATIENCE);
      return one;
    }),
  );
  await offer(rung.page, name).locator('[data-action=accept-chat]').click();
  return rung;
}

async function choose(page: Page, label: string, option: string | RegExp): Promise<void> {
  await page.getByRole('dialog').getByRole('combobox', { name: label }).click();
  await page.getByRole('option', { name: option }).click();
}

test('one that waits is taken by hand, and handed to a colleague with a note', async () => {
  const { page } = anna;
  await stage.play('line', 'say', { ...DORA, text: 'Can I change my address?' });
  await page.getByRole('link', { name: /Unassigned/ }).click();
  await row(page, DORA.name).click(PATIENCE);
  await goAvailable(page);
  const taken = page.locator('[data-action=take]').first().click();
  await taken.catch(() => offer(page, DORA.name).locator('[data-action=accept-chat]').click());
  await send(page, 'A colleague knows.');
  await goAvailable(ben.page);
  await page.keyboard.press('Alt+t');
  const dialog = page.getByRole('dialog', { name: /Transfer/ });
  await dialog.getByText('To a colleague').click();
  await choose(page, 'Agent', /Ben Agent/);
  await dialog.getByLabel('Note for whoever gets it').fill('Wants to move house');
  expect(await seriousFaults(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Transfer' }).click();
  await offer(ben.page, DORA.name).waitFor(PATIENCE);
  await ben.page.keyboard.press('Alt+a');
  await said(ben.page, 'Wants to move house').waitFor(PATIENCE);
  await send(ben.page, 'I have changed it.');
  expect([...anna.faults, ...ben.faults]).toEqual([]);
});

test('a mention gives access, a collaborator answers too', async () => {
  const { page } = ben;
  await page.keyboard.press('Alt+n');
  await page.getByLabel('Note for colleagues').pressSequentially('@ann');
  await page.getByRole('option', { name: 'Anna Agent' }).click(PATIENCE);
  await page.getByLabel('Note for colleagues').press('End');
  await page.getByLabel('Note for colleagues').pressSequentially('please look');
  await page.getByLabel('Note for colleagues').press('Enter');
  await said(page, 'please look').waitFor(PATIENCE);
  const mentions = anna.page.getByRole('link', { name: /Mentions/ });
  await mentions.getByText('1', { exact: true }).waitFor(PATIENCE);
  await mentions.click();
  await row(anna.page, DORA.name).click(PATIENCE);
  await said(anna.page, 'please look').waitFor(PATIENCE);
  await anna.page.getByText('Ben Agent has this conversation').waitFor();
  await page.locator('[data-action=more]').click();
  await page.getByRole('menuitem', { name: 'Collaborators' }).click();
  await choose(page, 'Colleagues', 'Anna Agent');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await page.getByText('with Anna Agent').waitFor(PATIENCE);
  await field(anna.page).waitFor(PATIENCE);
  await send(anna.page, 'It arrives tomorrow.');
  await said(page, 'It arrives tomorrow.').waitFor(PATIENCE);
  expect([...anna.faults, ...ben.faults]).toEqual([]);
});

test('a supervisor sees that an agent is in a chat', async () => {
  const { page, faults } = await visitor(browser);
  await signIn(page, 'admin', '/supervisor?tab=agents');
  await page.getByRole('row').filter({ hasText: 'Ben Agent' }).getByText('In a chat').waitFor(PATIENCE);
  expect(faults).toEqual([]);
  await page.context().close();
});

test('a ticket is linked to a conversation by the address of its page, or by its id', async () => {
  const address = ben.page.url();
  const { id } = await makeTicket(admin, { title: 'Moves house' });
  const { page, faults } = await visitor(browser);
  await signIn(page, 'admin', `/tickets/${id}`);
  for (const text of [address, new URL(address).searchParams.get('c') as string]) {
    await page.getByRole('button', { name: 'Add a link' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Call or conversation', { exact: true }).click();
    await dialog.getByLabel('Address or id').fill(DORA.name);
    await dialog.getByText('No call or conversation is named in this.').waitFor();
    await dialog.getByLabel('Address or id').fill(text);
    expect(await seriousFaults(page)).toEqual([]);
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('link', { name: 'Conversation', exact: true }).waitFor();
    await page.getByRole('button', { name: 'Remove the link' }).click();
    await page.getByText('Nothing is linked.').waitFor();
  }
  expect(faults).toEqual([]);
  await page.context().close();
});

test('closed with a disposition, opened again, and handed to a queue', async () => {
  const { page } = ben;
  await page.keyboard.press('Alt+e');
  await choose(page, 'Disposition', 'Resolved');
  await page.getByRole('dialog').getByLabel('Notes').fill('Address changed');
  expect(await seriousFaults(page)).toEqual([]);
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click();
  await page.getByText('This conversation is closed').waitFor(PATIENCE);
  await page.locator('[data-action=reopen]').click();
  const { page: next } = await accepts(DORA.name);
  await next.getByText('Yours', { exact: true }).waitFor(PATIENCE);
  await next.keyboard.press('Alt+t');
  await choose(next, 'Queue', /Sales/);
  await next.getByRole('dialog').getByRole('button', { name: 'Transfer' }).click();
  await next.getByText('has been handed on').waitFor(PATIENCE);
  await next.getByText('has transferred the conversation to Sales').waitFor(PATIENCE);
  const { page: last } = await accepts(DORA.name);
  await last.getByText('Yours', { exact: true }).waitFor(PATIENCE);
  expect([...anna.faults, ...ben.faults]).toEqual([]);
});

/** A message of long ago, as WhatsApp delivers what it could not deliver before. */
async function wroteLongAgo(hours: number): Promise<void> {
  const message = {
    from: FAY.customer,
    id: `wamid.${crypto.randomUUID()}`,
    type: 'text',
    text: { body: 'Is it ready?' },
  };
  const value = {
    messaging_product: 'whatsapp',
    metadata: { display_phone_number: '15550001111', phone_number_id: 'PN1' },
    contacts: [{ profile: { name: FAY.name }, wa_id: FAY.customer }],
    messages: [{ ...message, timestamp: String(Math.floor(Date.now() / 1000) - hours * 3600) }],
  };
  const body = JSON.stringify({
    object: 'whatsapp_business_account',
    entry: [{ id: 'WABA1', changes: [{ field: 'messages', value }] }],
  });
  const signature = createHmac('sha256', 'app-secret-for-tests').update(body).digest('hex');
  const headers = { 'Content-Type': 'application/json', 'X-Hub-Signature-256': `sha256=${signature}` };
  expect((await fetch(`${url}/hooks/whatsapp/demo`, { method: 'POST', headers, body })).status).toBe(200);
}

test('outside the window: why, and a template with its preview', async () => {
  const { items } = (await (await admin.get(`${url}/api/v1/channels`)).json()) as {
    items: { id: string; channel: string }[];
  };
  const account = items.find((one) => one.channel === 'whatsapp')?.id;
  expect((await admin.post(`${url}/api/v1/channels/${account}/templates/sync`)).ok()).toBe(true);
  await wroteLongAgo(30);
  const { page } = await accepts(FAY.name);
  await page.getByText('The time to answer freely is over.').waitFor(PATIENCE);
  await page.locator('[data-action=template]').click();
  const dialog = page.getByRole('dialog', { name: 'Send a template' });
  await choose(page, 'Template', 'order_ok · en_US');
  await dialog.getByLabel('Header: 1').fill('4711');
  await dialog.getByLabel('Text: 1').fill('Fay');
  await dialog.getByLabel('Text: 2').fill('Friday');
  await dialog.getByText('Hello Fay, your order leaves on Friday.').waitFor();
  await dialog.getByLabel(/^Button 2/).fill('4711');
  expect(await seriousFaults(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Send' }).click();
  await expect.poll(async () => (await stage.got('whatsapp', FAY.customer)).at(-1)?.kind, PATIENCE).toBe('template');
  await expect.poll(() => said(page, 'Hello Fay').getAttribute('data-status'), PATIENCE).toBe('delivered');
  expect([...anna.faults, ...ben.faults]).toEqual([]);
});

test('a call is accepted while two chats are open; a third chat waits until there is room', async () => {
  const { page } = anna;
  await ben.context.close();
  await clearDesks(browser);
  const ringing = [
    ['viber', '01AB000001==', 'Gil'],
    ['sms', EMIL.customer, ''],
  ] as const;
  await page.goto(`${url}/?part=inbox`);
  await goAvailable(page);
  for (const [channel, customer, name] of ringing) {
    await stage.play(channel, 'say', { customer, name, text: `Hello by ${channel}` });
    await page.locator('[data-action=accept-chat]').click(PATIENCE);
    await said(page, `Hello by ${channel}`).waitFor(PATIENCE);
  }
  const caller = await visitor(browser);
  await caller.page.goto(`${url}/demo`);
  await caller.page.getByLabel('Your name').fill('Hana');
  await caller.page.locator('select[name=number]').selectOption('1001');
  await caller.page.locator('[data-action=call]').click();
  await page.locator('[data-action=accept]').first().waitFor({ timeout: 30_000 });
  await page.keyboard.press('Alt+a');
  await page.getByText('In the call').waitFor({ timeout: 30_000 });
  await send(page, 'Still writing');
  await stage.play('telegram', 'say', { customer: '7009', name: 'Ida', text: 'Anybody?' });
  await page
    .getByRole('link', { name: /Unassigned/ })
    .getByText('1', { exact: true })
    .waitFor(PATIENCE);
  expect(await page.locator('[data-offer]').count()).toBe(0);
  expect(await seriousFaults(page)).toEqual([]);
  await page.locator('[data-action=hangup]').click();
  await page.locator('[data-action=wrapup-done]').click(PATIENCE);
  await offer(page, 'Ida').waitFor(PATIENCE);
  expect(anna.faults).toEqual([]);
});
