import type { APIRequestContext, Browser, Locator, Page } from 'playwright-core';
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

// Two agents answer customers of the fake platforms.

const PATIENCE = { timeout: 20_000 };
const ANN = { customer: '15551230001', name: 'Ann Ash' };
const BORIS = { customer: '7002', name: 'Boris Berg' };

let browser: Browser;
let stop: () => Promise<void>;
let stage: Stage;
let admin: APIRequestContext;
let anna: Visitor;

beforeAll(async () => {
  ({ browser, stop } = await startBrowser());
  await clearDesks(browser);
  admin = await signedIn(browser, 'admin');
  stage = await startStage(admin);
  anna = await visitor(browser);
  anna.page.setDefaultTimeout(10_000);
  await signIn(anna.page, 'agent1', '/?part=inbox');
  await goAvailable(anna.page);
});

afterAll(async () => {
  await stage?.stop();
  await stop();
});

const rows = (page: Page) => page.locator('ul[data-rows] button');
const row = (page: Page, name: string) => rows(page).filter({ hasText: name });
const thread = (page: Page) => page.getByRole('list', { name: 'Messages' });
const line = (page: Page, text: string) => thread(page).locator('[data-message]').filter({ hasText: text }).last();
const theirs = (page: Page, text: string) =>
  thread(page).locator('[data-direction=in]').filter({ hasText: text }).last();
const got = (channel = 'whatsapp', { customer } = ANN) => stage.got(channel, customer);
const field = (page: Page) => page.getByLabel('Message to the customer');
const status = (page: Page, text: string) => line(page, text).getAttribute('data-status');

async function send(page: Page, text: string): Promise<void> {
  await field(page).fill(text);
  await field(page).press('Enter');
  await line(page, text).waitFor(PATIENCE);
}

async function menu(page: Page, message: Locator, item: string): Promise<void> {
  await message.hover();
  await message.getByRole('button', { name: 'What to do with this message' }).click();
  await page.getByRole('menuitem', { name: item, exact: true }).click();
}

test('a chat rings, is accepted by keyboard, and the receipts of the answer move', async () => {
  const { page } = anna;
  await stage.play('whatsapp', 'say', { ...ANN, text: 'Where is my order?' });
  await page.locator('[data-offer]').filter({ hasText: ANN.name }).waitFor(PATIENCE);
  expect(await seriousFaults(page)).toEqual([]);
  await page.keyboard.press('Alt+a');
  await line(page, 'Where is my order?').waitFor(PATIENCE);
  await send(page, 'It left this morning.');
  await expect.poll(() => status(page, 'It left'), PATIENCE).toBe('delivered');
  const [got] = await stage.got('whatsapp', ANN.customer);
  expect(got?.text).toBe('It left this morning.');
  await stage.play('whatsapp', 'receipt', { id: got?.id, status: 'read' });
  await expect.poll(() => status(page, 'It left'), PATIENCE).toBe('read');
  await page.getByText('Window closes in').waitFor();
  expect(anna.faults).toEqual([]);
});

test('quotes, reactions, edits and what is taken back, both ways', async () => {
  const { page } = anna;
  const id = await stage.play('whatsapp', 'say', { ...ANN, text: 'And the bleu one?' });
  await menu(page, line(page, 'And the bleu one?'), 'Quote');
  await send(page, 'It follows.');
  await line(page, 'It follows.').locator('blockquote').getByText('And the bleu one?').waitFor();
  await expect.poll(async () => (await got()).at(-1)?.quote, PATIENCE).toBe(id);
  await menu(page, theirs(page, 'And the bleu one?'), 'React with 👍');
  await expect.poll(async () => (await got()).find((g) => g.reaction)?.reaction, PATIENCE).toBe('👍');
  await theirs(page, 'And the bleu one?').getByRole('list', { name: 'Reactions' }).getByText('👍').waitFor(PATIENCE);
  await stage.play('whatsapp', 'edit', { ...ANN, to: id, text: 'And the blue one?' });
  await theirs(page, 'And the blue one?').getByText('edited').waitFor(PATIENCE);
  const ours = (await got()).find((g) => g.text === 'It follows.')?.id;
  await stage.play('whatsapp', 'react', { ...ANN, to: ours, text: '❤️' });
  await line(page, 'It follows.').getByRole('list', { name: 'Reactions' }).getByText('❤️').waitFor(PATIENCE);
  await stage.play('whatsapp', 'unsend', { ...ANN, to: id });
  await thread(page).getByText('Message taken back').waitFor(PATIENCE);
  expect(anna.faults).toEqual([]);
});

test('pictures go up and out, and an empty file is refused', async () => {
  const { page } = anna;
  const picture = await page.screenshot({ clip: { x: 0, y: 0, width: 120, height: 80 } });
  const files = page.locator('input[type=file]');
  await files.setInputFiles({ name: 'shelf.png', mimeType: 'image/png', buffer: picture });
  const tray = page.getByRole('list', { name: 'Attachments' });
  await tray.locator('img').waitFor(PATIENCE);
  await send(page, 'On this shelf.');
  await expect.poll(async () => (await got()).at(-1)?.files?.[0]?.kind, PATIENCE).toBe('image');
  await files.setInputFiles({ name: 'empty.pdf', mimeType: 'application/pdf', buffer: Buffer.alloc(0) });
  await tray.getByRole('alert').waitFor(PATIENCE);
  expect(await tray.getByRole('alert').textContent()).toContain('The file is empty');
  expect(anna.faults.splice(0)).toEqual([expect.stringContaining('400 (Bad Request)')]);
  expect(await seriousFaults(page)).toEqual([]);
  await tray.getByRole('button', { name: /empty.pdf/ }).click();
  await stage.play('whatsapp', 'give', {
    ...ANN,
    text: 'Mine looks so',
    file: { kind: 'image', name: 'mine.png', content_type: 'image/png', data: picture.toString('base64') },
  });
  await theirs(page, 'Mine looks so').locator('img').click(PATIENCE);
  await page.getByRole('dialog').locator('img').first().waitFor();
  await page.keyboard.press('Escape');
  expect(anna.faults).toEqual([]);
});

test('Telegram: our words are corrected and taken back there too; a shortcut becomes a text', async () => {
  const { page } = anna;
  const made = await (await signedIn(browser, 'agent1')).post(`${url}/api/v1/canned-responses`, {
    data: { shortcut: 'thx', text: 'Thank you, {{customer.first_name}}!', own: true },
  });
  expect(made.status(), await made.text()).toBe(200);
  await stage.play('telegram', 'say', { ...BORIS, text: '你好，请问发货了吗？' });
  await page.locator('[data-offer]').filter({ hasText: BORIS.name }).locator('[data-action=accept-chat]').click();
  await line(page, '发货').waitFor(PATIENCE);
  await field(page).pressSequentially('/th');
  await page.getByRole('option', { name: /thx/ }).waitFor(PATIENCE);
  await field(page).press('Enter');
  await expect.poll(() => field(page).inputValue()).toBe('Thank you, Boris!');
  await field(page).press('Enter');
  await expect.poll(() => status(page, 'Thank you, Boris!'), PATIENCE).toBe('sent');
  await menu(page, line(page, 'Thank you, Boris!'), 'Edit');
  await field(page).fill('Thank you very much, Boris!');
  await field(page).press('Enter');
  await expect
    .poll(async () => (await got('telegram', BORIS)).at(-1)?.text, PATIENCE)
    .toBe('Thank you very much, Boris!');
  await menu(page, line(page, 'Thank you very much'), 'Take back');
  await page.getByRole('dialog').getByRole('button', { name: 'Take back' }).click();
  await expect.poll(async () => (await got('telegram', BORIS)).at(-1)?.unsent, PATIENCE).toBe(true);
  await thread(page).getByText('Message taken back').waitFor(PATIENCE);
  expect(anna.faults).toEqual([]);
});

test('drafts stay with their conversation, and what is unread is counted', async () => {
  const { page } = anna;
  await field(page).fill('Half a sentence for Boris');
  await row(page, ANN.name).click();
  await expect.poll(() => field(page).inputValue()).toBe('');
  await row(page, BORIS.name).getByText('Draft').waitFor();
  await stage.play('telegram', 'say', { ...BORIS, text: 'Are you there?' });
  await row(page, BORIS.name).getByText('1 unread').waitFor(PATIENCE);
  await page.reload();
  await row(page, BORIS.name).click();
  await expect.poll(() => field(page).inputValue(), PATIENCE).toBe('Half a sentence for Boris');
  await field(page).fill('');
  await row(page, BORIS.name)
    .getByText('1 unread')
    .waitFor({ state: 'detached', ...PATIENCE });
  expect(anna.faults).toEqual([]);
});

test('put aside until the customer writes, and back', async () => {
  const { page } = anna;
  await page.keyboard.press('Alt+z');
  await page.getByRole('menuitem', { name: 'When the customer writes' }).click();
  await page.getByText('Snoozed until the customer writes').waitFor(PATIENCE);
  await stage.play('telegram', 'say', { ...BORIS, text: 'One more thing' });
  await page.getByText('Snoozed until the customer writes').waitFor({ state: 'detached', ...PATIENCE });
  await send(page, 'Yes?');
  expect(anna.faults).toEqual([]);
});

test('search finds Chinese words and names; a filter is kept as a view, shown and deleted', async () => {
  const { page } = anna;
  const search = page.getByRole('searchbox', { name: 'Search conversations' });
  await search.fill('发货');
  await row(page, ANN.name).waitFor({ state: 'detached', ...PATIENCE });
  await row(page, BORIS.name).waitFor(PATIENCE);
  await search.fill('');
  await row(page, ANN.name).waitFor(PATIENCE);
  await page.getByRole('button', { name: 'Filters' }).click();
  const panel = page.getByRole('dialog', { name: 'Filters' });
  await panel.getByRole('combobox', { name: 'Channel' }).click();
  await page.getByRole('option', { name: 'Telegram' }).click();
  await panel.getByLabel('Keep as a view').fill('Telegram only');
  expect(await seriousFaults(page)).toEqual([]);
  await panel.getByRole('button', { name: 'Save' }).click();
  await row(page, ANN.name).waitFor({ state: 'detached', ...PATIENCE });
  const views = page.getByRole('navigation', { name: 'Views' });
  await views
    .getByRole('link', { name: /Telegram only/ })
    .getByText('1', { exact: true })
    .waitFor(PATIENCE);
  await page.getByRole('button', { name: 'Delete: Telegram only' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await views.getByRole('link', { name: /Telegram only/ }).waitFor({ state: 'detached', ...PATIENCE });
  await row(page, ANN.name).waitFor(PATIENCE);
  expect(anna.faults).toEqual([]);
});
