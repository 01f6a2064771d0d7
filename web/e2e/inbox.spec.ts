import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clearDesks, seriousFaults, signIn, startBrowser, url, type Visitor, visitor } from './browser';

// A customer writes by Telegram; who may see all conversations reads it, writes a note, and ends it. No agent is busy with it afterwards.

const PATIENCE = { timeout: 30_000 };
const NAME = 'Tilde Aalto';
const TEXT = '<img src=x onerror=alert(1)> see https://shop.example/teapot';

let browser: Browser;
let stop: () => Promise<void>;
let admin: Visitor;

/** A message as Telegram posts it to the demo's hook. */
async function write(update: number, text: string): Promise<void> {
  const at = Math.floor(Date.now() / 1000);
  const from = { id: 424_242, is_bot: false, first_name: 'Tilde', last_name: 'Aalto' };
  const message = { message_id: update, date: at, from, chat: { ...from, type: 'private' }, text };
  const response = await fetch(`${url}/hooks/telegram/demo`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Telegram-Bot-Api-Secret-Token': 'telegram-secret' },
    body: JSON.stringify({ update_id: update, message }),
  });
  expect(response.status).toBe(200);
}

beforeAll(async () => {
  const started = await startBrowser();
  browser = started.browser;
  stop = started.stop;
  await clearDesks(browser);
  admin = await visitor(browser);
  await signIn(admin.page, 'admin', '/?part=inbox&view=all');
}, 60_000);

afterAll(() => stop());

test('a message appears in the list and is shown as text', async () => {
  const { page, faults } = admin;
  await write(7001, TEXT);
  const row = page.locator('ul[data-rows] button').filter({ hasText: NAME });
  await row.waitFor(PATIENCE);
  await row.click();
  const messages = page.getByRole('list', { name: 'Messages' });
  await messages.getByText('<img src=x onerror=alert(1)>').waitFor(PATIENCE);
  const link = messages.getByRole('link', { name: 'https://shop.example/teapot' });
  expect(await link.getAttribute('rel')).toContain('noopener');
  expect(await seriousFaults(page)).toEqual([]);
  await write(7002, 'And when does it come?');
  await messages.getByText('And when does it come?').waitFor(PATIENCE);
  expect(faults).toEqual([]);
});

test('a note is written by the keyboard, and the draft outlives a reload', async () => {
  const { page, faults } = admin;
  const field = page.getByLabel('Note for colleagues');
  await field.fill('Half a thought');
  await page.reload();
  await expect.poll(() => field.inputValue(), PATIENCE).toBe('Half a thought');
  await field.fill('A whole one');
  await field.press('Enter');
  await page.getByRole('list', { name: 'Messages' }).getByText('A whole one').waitFor(PATIENCE);
  expect(await field.inputValue()).toBe('');
  await page.keyboard.press('Alt+Slash');
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await page.keyboard.press('Escape');
  expect(faults).toEqual([]);
});

test('the supervisor sees who waits, and ends the chat with a reason', async () => {
  const { page, faults } = admin;
  await page.goto(`${url}/supervisor?tab=chats-queued`);
  const row = page
    .getByRole('table', { name: 'Chats queued' })
    .locator('tbody tr[data-index]')
    .filter({ hasText: NAME });
  await row.waitFor(PATIENCE);
  expect(await seriousFaults(page)).toEqual([]);
  await row.locator('[data-action=more]').click();
  await page.getByRole('menuitem', { name: 'End chat' }).click();
  const dialog = page.getByRole('dialog', { name: 'End this chat?' });
  await dialog.getByRole('combobox').click();
  await page.getByRole('option', { name: 'Test or mistake' }).click();
  await dialog.getByRole('button', { name: 'End chat' }).click();
  await row.waitFor({ state: 'detached', ...PATIENCE });
  await page.getByRole('tab', { name: 'Chats connected' }).click();
  await page.getByText('No chats are connected').waitFor(PATIENCE);
  expect(await seriousFaults(page)).toEqual([]);
  expect(faults).toEqual([]);
});
