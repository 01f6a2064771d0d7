import type { APIRequestContext, Browser, Frame, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  addDevice,
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
import { film, openWidget, png, write } from './widget';

// An agent asks a customer of the widget for things while they chat; the customer opens what comes in the conversation.

const PATIENCE = { timeout: 30_000 };
const HELLO = 'My kettle is broken.';

let browser: Browser;
let stop: () => Promise<void>;
let admin: APIRequestContext;
let agent: Visitor;
let customer: Visitor;
let frame: Frame;
let conversation = '';

beforeAll(async () => {
  ({ browser, stop } = await startBrowser());
  await clearDesks(browser);
  admin = await signedIn(browser, 'admin');
  [agent, customer] = [await visitor(browser), await visitor(browser)];
  await agent.page.setViewportSize({ width: 1680, height: 950 }); // the details are beside the conversation
  await signIn(agent.page, 'agent1', '/?part=inbox');
  await goAvailable(agent.page);
  await customer.page.goto(`${url}/demo`);
  frame = await openWidget(customer.page);
});
afterAll(() => stop());

const newest = () => agent.page.locator('[data-action-id]').first();
const state = (value: string) =>
  agent.page.locator(`[data-action-id]:first-child[data-state=${value}]`).waitFor(PATIENCE);
const thanks = (page: Page) => page.getByRole('heading', { name: 'Thank you' }).waitFor(PATIENCE);

/** The agent asks for something, which comes in the conversation. */
async function asked(kind: string, prompt = ''): Promise<Locator> {
  const { page } = agent;
  const before = await frame.locator('a.action').count();
  await page.locator(`[data-ask=${kind}]`).click(PATIENCE);
  if (prompt) await page.getByLabel('What the customer reads').fill(prompt);
  await page.locator('[data-action=ask]').click();
  const link = frame.locator('a.action').nth(before);
  await link.waitFor(PATIENCE);
  return link;
}

/** The agent asks for something, and the customer opens it. */
async function ask(kind: string, prompt = ''): Promise<Page> {
  const link = await asked(kind, prompt);
  const [opened] = await Promise.all([customer.context.waitForEvent('page'), link.click()]);
  await state('opened');
  return opened;
}

interface Ticket {
  attachments?: { name: string }[];
  notes?: { text: string }[];
}

/** The conversation's ticket, which is made with the first answer. */
async function ticket(): Promise<Ticket> {
  const { ticket_id: id } = (await (await admin.get(`${url}/api/v1/conversations/${conversation}`)).json()) as {
    ticket_id?: string;
  };
  return id ? ((await (await admin.get(`${url}/api/v1/tickets/${id}`)).json()) as Ticket) : {};
}

const filesOnTicket = async (kind: string) =>
  ((await ticket()).attachments ?? []).filter((file) => file.name.startsWith(`${kind}-`)).length;

test('the agent has the chat', async () => {
  await write(frame, HELLO);
  const offer = agent.page.locator('[data-offer]').filter({ hasText: HELLO });
  conversation = (await offer.getAttribute('data-offer', PATIENCE)) ?? '';
  await offer.locator('[data-action=accept-chat]').click();
  await agent.page.locator('[data-ask=text]').waitFor(PATIENCE);
});

test('a text: asked for and answered while both go on writing', async () => {
  const page = await ask('text', 'What is written below the kettle?');
  await page.getByText('What is written below the kettle?').waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await write(frame, 'I look.');
  await page.getByLabel('Your answer').fill('K-4711 <b>');
  await page.locator('[data-action=send]').click();
  await thanks(page);
  await state('done');
  await newest().getByText('K-4711 <b>').waitFor();
  // The link is the customer's: whoever opens it first is its only reader.
  expect(await agent.page.getByRole('list', { name: 'Messages' }).getByRole('link').count()).toBe(0);
  await page.close();
  await expect.poll(async () => JSON.stringify(await ticket()), PATIENCE).toContain('K-4711');
});

test('four photos and a screenshot: on the card at once, and on the ticket', { timeout: 120_000 }, async () => {
  let page = await ask('photos');
  const photos = [1, 2, 3, 4].map((n) => ({ name: `part-${n}.png`, mimeType: 'image/png', buffer: png(40 + n) }));
  await page.locator('input[type=file][multiple]').setInputFiles(photos);
  await page.locator('[data-action=send]').click();
  await thanks(page);
  await state('done');
  const pictures = newest().locator('img');
  await expect.poll(() => pictures.count()).toBe(4);
  const loaded = () =>
    pictures.evaluateAll((all) => all.every((picture) => (picture as HTMLImageElement).naturalWidth > 0));
  await expect.poll(loaded, PATIENCE).toBe(true);
  await page.close();

  page = await ask('screenshot');
  await page.locator('input[type=file]').setInputFiles({ name: 'screen.png', mimeType: 'image/png', buffer: png(64) });
  await page.locator('[data-action=send]').click();
  await thanks(page);
  await state('done');
  await page.close();
  await expect.poll(() => filesOnTicket('photos'), PATIENCE).toBe(4);
  await expect.poll(() => filesOnTicket('screenshot'), PATIENCE).toBe(1);
  expect(await seriousFaults(agent.page)).toEqual([]);
});

test('a video', async () => {
  const page = await ask('video');
  await page
    .locator('input[type=file]')
    .first()
    .setInputFiles({ name: 'kettle.mp4', mimeType: 'video/mp4', buffer: film() });
  await page.locator('[data-action=send]').click();
  await thanks(page);
  await state('done');
  await newest().locator('video').waitFor();
  await page.close();
  await expect.poll(() => filesOnTicket('video'), PATIENCE).toBe(1);
});

test('the device of the customer confirms who they are: new the first time, known the second', {
  timeout: 120_000,
}, async () => {
  let page = await ask('verification');
  await addDevice(page);
  await page.getByRole('button', { name: 'Set up this device' }).click();
  await page.getByRole('button', { name: 'Now confirm with this device' }).click();
  await thanks(page);
  await newest().locator('[data-verified=new]').waitFor(PATIENCE);
  const again = await asked('verification');
  await page.goto((await again.getAttribute('href')) ?? '');
  await page.getByRole('button', { name: 'Confirm with this device' }).click();
  await thanks(page);
  await newest().locator('[data-verified=known]').waitFor(PATIENCE);
  expect(await seriousFaults(agent.page)).toEqual([]);
  await page.close();
  page = await ask('text');
  await page.locator('[data-action=decline]').click();
  await state('declined');
});

test('nobody has met a fault', () => expect([...agent.faults, ...customer.faults]).toEqual([]));
