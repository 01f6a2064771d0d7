import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Frame } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clearDesks, goAvailable, signIn, startBrowser, url, type Visitor, visitor } from './browser';
import { film, openWidget, png, write } from './widget';

// What hostile files and file names become that a customer sends by the widget: a sentence, or a file that does no harm.
// The files themselves, in every form, are chat/attach's to test (TestHostileFiles).

const PATIENCE = { timeout: 30_000 };
const HELLO = 'I send you some files.';
const html = Buffer.from('<!DOCTYPE html><body onload=alert(1)><script>alert(1)</script>');
const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>');
const zip = Buffer.from('504b0506000000000000000000000000000000000000', 'hex');

let browser: Browser;
let stop: () => Promise<void>;
let agent: Visitor;
let customer: Visitor;
let frame: Frame;
let conversation = '';
let folder: string;
const harm: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tandem-files-'));
  ({ browser, stop } = await startBrowser());
  await clearDesks(browser);
  [agent, customer] = [await visitor(browser), await visitor(browser)];
  for (const { page } of [agent, customer])
    page.on('dialog', (dialog) => {
      harm.push(dialog.message());
      void dialog.dismiss();
    });
  await signIn(agent.page, 'agent1', '/?part=inbox');
  await goAvailable(agent.page);
  await customer.page.goto(`${url}/demo`);
  frame = await openWidget(customer.page);
  await write(frame, HELLO);
  const offer = agent.page.locator('[data-offer]').filter({ hasText: HELLO });
  conversation = (await offer.getAttribute('data-offer', PATIENCE)) ?? '';
  await offer.locator('[data-action=accept-chat]').click();
  await agent.page.getByRole('list', { name: 'Messages' }).getByText(HELLO).waitFor(PATIENCE);
});
afterAll(async () => {
  await stop?.();
  rmSync(folder, { recursive: true, force: true });
});

const choose = (name: string, buffer: Buffer, mimeType = 'image/png') =>
  frame.locator('input[type=file]').setInputFiles({ name, mimeType, buffer });
const refusal = () => frame.locator('.composer [role=alert]');

test.each([
  ['a drawing that can run', 'logo.svg', svg, 'image/svg+xml', 'Only .png, .jpg and .mp4 files can be sent.'],
  ['a page', 'page.html', html, 'text/html', 'Only .png, .jpg and .mp4 files can be sent.'],
  ['a page behind a picture’s name', 'photo.png', html, 'image/png', 'Only .png, .jpg and .mp4 files can be sent.'],
  ['a drawing with two endings', 'logo.svg.png', svg, 'image/png', 'Only .png, .jpg and .mp4 files can be sent.'],
  ['a picture with two endings', 'photo.png.exe', png(9), 'image/png', 'Only .png, .jpg and .mp4 files can be sent.'],
  ['an archive called a film', 'film.mp4', zip, 'video/mp4', 'Only .png, .jpg and .mp4 files can be sent.'],
  ['a picture that is cut off', 'half.png', png(64).subarray(0, 60), 'image/png', 'The file is damaged'],
  ['nothing', 'empty.png', Buffer.alloc(0), 'image/png', 'The file is empty.'],
])('%s is refused', async (_, name, buffer, mimeType, sentence) => {
  await choose(name, buffer, mimeType);
  await refusal().getByText(sentence).waitFor(PATIENCE);
  expect(await frame.locator('.upload').count()).toBe(0);
  await write(frame, 'Then not.');
  await refusal().waitFor({ state: 'detached' });
});

test('a file of 101 MB is refused before it is sent', async () => {
  const huge = join(folder, 'huge.mp4');
  writeFileSync(huge, film());
  truncateSync(huge, 101 * 2 ** 20);
  let sent = 0;
  customer.page.on('request', (request) => {
    if (request.url().endsWith('/uploads')) sent++;
  });
  await frame.locator('input[type=file]').setInputFiles(huge);
  await refusal().getByText('This file is too large. At most 25 MB can be sent.').waitFor(PATIENCE);
  expect(sent).toBe(0);
});

test('a picture with a page behind it and a film with an archive come without those, under names that do no harm', async () => {
  await choose('..\\..\\<img src=x onerror=alert(1)>\u202egnp.png', Buffer.concat([png(48), html]));
  await choose('/etc/passwd.mp4', film(zip), 'video/mp4');
  await expect.poll(() => frame.locator('.upload progress').count(), PATIENCE).toBe(0);
  await frame.locator('.send').click();
  const { page } = agent;
  const sent = page.getByRole('list', { name: 'Messages' }).locator('[data-direction=in]').last();
  await sent.locator('img').first().waitFor(PATIENCE);
  await frame.locator('.bubble.mine:not(.pending) img').first().waitFor(PATIENCE);
  const messages = await agent.context.request.get(`${url}/api/v1/conversations/${conversation}/messages`);
  const { items } = (await messages.json()) as { items: { attachments?: { id: string; name: string }[] }[] };
  const files = items.flatMap((message) => message.attachments ?? []);
  expect(files.map((file) => file.name)).toEqual(['img src=x onerror=alert(1)gnp.png', 'passwd.mp4']);
  for (const { id } of files) {
    const file = await agent.context.request.get(`${url}/api/v1/attachments/${id}`);
    expect(file.headers()).toMatchObject({ 'x-content-type-options': 'nosniff' });
    expect(file.headers()['content-type']).toMatch(/^(image\/png|video\/mp4)$/);
    const bytes = await file.body();
    expect(bytes.includes('<script>')).toBe(false);
    expect(bytes.includes(zip)).toBe(false);
  }
  for (const shown of [page, frame]) expect(await shown.locator('[onerror],[onload],img[src="x"]').count()).toBe(0);
});

test('nothing ran, and nobody has met a fault', () => {
  expect(harm).toEqual([]);
  const unexpected = customer.faults.filter((fault) => !/status of 4(00|22)/.test(fault));
  expect([...agent.faults, ...unexpected]).toEqual([]);
});
