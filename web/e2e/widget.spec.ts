import type { APIRequestContext, Browser, Frame, WebSocketRoute } from 'playwright-core';
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
import { frameOf, launcher, newSecret, openWidget, png, sign, type Tandem, write } from './widget';

// A customer on a page that embeds the widget, and an agent who answers by the API.

// So long the network is gone.
const OUTAGE = 30_000;

let browser: Browser;
let stop: () => Promise<void>;
let agent: APIRequestContext;
let admin: APIRequestContext;
let customer: Visitor;
let secret = '';
let talk = '';
const sockets: { blocked: boolean; open: Set<WebSocketRoute> } = { blocked: false, open: new Set() };

beforeAll(async () => {
  ({ browser, stop } = await startBrowser());
  await clearDesks(browser);
  admin = await signedIn(browser, 'admin');
  secret = await newSecret(admin);
  customer = await newCustomer();
});
afterAll(async () => {
  await stop?.();
});

async function newCustomer(options: Parameters<typeof visitor>[1] = {}): Promise<Visitor> {
  const v = await visitor(browser, options);
  // Every socket goes through here, so that one can be cut without the page knowing.
  await v.page.routeWebSocket(/\/ws$/, (socket) => {
    if (sockets.blocked) {
      void socket.close({ code: 1013 });
      return;
    }
    const server = socket.connectToServer();
    sockets.open.add(socket);
    socket.onMessage((message) => {
      if (!sockets.blocked) server.send(message);
    });
    server.onMessage((message) => {
      if (!sockets.blocked) socket.send(message);
    });
    socket.onClose((code, reason) => {
      sockets.open.delete(socket);
      void server.close({ code, reason });
    });
  });
  await v.page.goto(`${url}/demo`);
  return v;
}

const bubbles = (frame: Frame) => frame.locator('.bubble .text').allTextContents();

interface Listed {
  id: string;
  last_text: string;
  person: { name?: string };
}

/** The conversation whose last message is a text. */
async function conversation(text: string): Promise<Listed> {
  let found: Listed | undefined;
  await expect
    .poll(
      async () => {
        const answer = await admin.get(`${url}/api/v1/conversations?view=all&channel=web&limit=50`);
        const { items } = (await answer.json()) as { items: Listed[] };
        found = items.find((c) => c.last_text === text);
        return found !== undefined;
      },
      { timeout: 20_000 },
    )
    .toBe(true);
  return found as Listed;
}

/** Answers as the agent, who takes the conversation first, or accepts it where it rings already. */
async function answer(id: string, text: string): Promise<void> {
  const message = { client_id: crypto.randomUUID(), text };
  let said = '';
  await expect
    .poll(
      async () => {
        const sent = await agent.post(`${url}/api/v1/conversations/${id}/messages`, { data: message });
        said = await sent.text();
        if (sent.ok()) return 'sent';
        await agent.post(`${url}/api/v1/conversations/${id}/accept`);
        await agent.post(`${url}/api/v1/conversations/${id}/take`);
        return said;
      },
      { timeout: 30_000 },
    )
    .toBe('sent');
}

test('the agent is there', async () => {
  const desk = await visitor(browser);
  await signIn(desk.page, 'agent1');
  await goAvailable(desk.page);
  agent = desk.context.request;
});

test('nothing is stored before the customer agrees; then they chat, and the agent answers', async () => {
  const { page } = customer;
  await launcher(page).click();
  const frame = await frameOf(page);
  await frame.locator('[data-action=agree]').waitFor();
  expect(await frame.evaluate(() => localStorage.getItem('tandem.widget.demo'))).toBe(null);
  expect(await page.evaluate(() => Object.keys(localStorage).filter((k) => k.startsWith('tandem:')))).toEqual([]);
  expect(await seriousFaults(page)).toEqual([]);
  await frame.locator('[data-action=agree]').click();
  await write(frame, 'My tent leaks.');
  await frame.locator('[data-message] .text', { hasText: 'My tent leaks.' }).waitFor();
  const c = await conversation('My tent leaks.');
  expect(c.person.name).toMatch(/^Web User \d\d\/\d\d \d\d:\d\d$/);
  await answer(c.id, 'Where does it leak?');
  await frame.locator('.bubble .text', { hasText: 'Where does it leak?' }).waitFor();
  await frame.locator('[data-state=talking]', { hasText: 'Anna' }).waitFor();
  expect(await seriousFaults(page)).toEqual([]);
});

test('what customers and agents write is shown as text', async () => {
  const { page } = customer;
  const frame = await frameOf(page);
  let dialogs = 0;
  page.on('dialog', (d) => {
    dialogs++;
    void d.dismiss();
  });
  const hostile = [
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    'javascript:alert(1)',
    '"><svg onload=alert(1)>',
    '[x](javascript:alert(1))',
    'https://example.test/"onmouseover="alert(1)',
    'data:text/html,<script>alert(1)</script>',
  ];
  const c = await conversation('Where does it leak?');
  for (const text of hostile) {
    await write(frame, text);
    await frame.locator('[data-message] .text').filter({ hasText: text }).first().waitFor();
  }
  for (const text of hostile) await answer(c.id, text);
  await expect
    .poll(async () => (await bubbles(frame)).filter((t) => hostile.includes(t)).length, { timeout: 20_000 })
    .toBe(2 * hostile.length);
  expect(dialogs).toBe(0);
  const links = await frame
    .locator('.bubble a')
    .evaluateAll((all) => all.map((a) => (a as HTMLAnchorElement).protocol));
  expect(new Set(links)).toEqual(new Set(['https:']));
});

test('a picture goes up, and is there after a reload with everything else', async () => {
  const { page } = customer;
  let frame = await frameOf(page);
  await frame.locator('input[type=file]').setInputFiles({ name: 'leak.png', mimeType: 'image/png', buffer: png(12) });
  await frame.locator('.upload', { hasText: 'leak.png' }).waitFor();
  await expect.poll(() => frame.locator('.send:enabled').count(), { timeout: 20_000 }).toBe(1);
  await frame.locator('.send').click();
  await frame.locator('.bubble img[alt="leak.png"]').waitFor();
  await frame
    .locator('input[type=file]')
    .setInputFiles({ name: 'a.svg', mimeType: 'image/svg+xml', buffer: Buffer.from('<svg/>') });
  await frame.getByRole('alert').filter({ hasText: '.png' }).waitFor();
  const before = await frame.locator('.bubble').count();
  await page.reload();
  frame = await openWidget(page);
  await frame.locator('.bubble img[alt="leak.png"]').waitFor();
  expect(await frame.locator('.bubble').count()).toBe(before);
});

test('the network is gone for half a minute: nothing is lost, nothing is doubled', { timeout: 120_000 }, async () => {
  const { page } = customer;
  const frame = await frameOf(page);
  const c = await conversation('');
  talk = c.id;
  await page.route('**/sync', (route) => (sockets.blocked ? route.abort() : route.continue()));
  sockets.blocked = true;
  const end = Date.now() + OUTAGE;
  const mine: string[] = [];
  const theirs: string[] = [];
  // The page finds out by itself that nobody is there any more; meanwhile both go on writing.
  const during = async () => {
    const n = mine.length + 1;
    mine.push(`written without a network ${n}`);
    theirs.push(`answered meanwhile ${n}`);
    await write(frame, mine.at(-1) as string);
    await answer(c.id, theirs.at(-1) as string);
    return Date.now() >= end;
  };
  await expect.poll(during, { timeout: 3 * OUTAGE, interval: OUTAGE / 10 }).toBe(true);
  await frame.locator('[data-link=offline]').waitFor();
  expect(await frame.locator('[data-pending]').count()).toBe(mine.length);
  const before = await bubbles(frame);
  expect(theirs.filter((text) => before.includes(text))).toEqual([]);

  sockets.blocked = false;
  await frame.evaluate(() => dispatchEvent(new Event('online')));
  await frame.locator('[data-link=online]').waitFor({ state: 'attached', timeout: 40_000 });
  await expect.poll(() => frame.locator('[data-pending]').count(), { timeout: 40_000 }).toBe(0);
  const all = [...mine, ...theirs].sort();
  const written = (texts: string[]) => texts.filter((text) => all.includes(text)).sort();
  await expect.poll(async () => written(await bubbles(frame)), { timeout: 20_000 }).toEqual(all);
  const listed = await admin.get(`${url}/api/v1/conversations/${c.id}/messages?limit=200`);
  const { items } = (await listed.json()) as { items: { text: string }[] };
  expect(written(items.map((message) => message.text))).toEqual(all);
});

test('a login keeps the history; somebody else on the same browser sees nothing of it', async () => {
  const { page } = customer;
  const frame = await frameOf(page);
  const mine = await frame.locator('.bubble').count();
  await page.evaluate((who) => (window as unknown as Tandem).Tandem('identify', who), sign(secret, 'rosa'));
  const nameOf = async () => {
    const answer = await admin.get(`${url}/api/v1/conversations/${talk}`);
    return ((await answer.json()) as Listed).person.name;
  };
  await expect.poll(nameOf, { timeout: 20_000 }).toBe('Rosa Lindqvist');
  await frame
    .locator('.bubble')
    .nth(mine - 1)
    .waitFor();
  // A forged identity is refused, and shows nothing of anybody.
  await page.evaluate(() => (window as unknown as Tandem).Tandem('identify', { id: 'admin', signature: '00' }));
  await frame.locator('[data-link=online]').waitFor({ state: 'attached' });
  await expect.poll(() => frame.locator('.bubble').count(), { timeout: 20_000 }).toBe(0);
  await page.evaluate((who) => (window as unknown as Tandem).Tandem('identify', who), {
    ...sign(secret, 'eve'),
    name: 'Eve',
  });
  await write(frame, 'I am Eve.');
  await frame.locator('[data-message] .text', { hasText: 'I am Eve.' }).waitFor();
  expect(await bubbles(frame)).toEqual(['I am Eve.']);
  await page.evaluate(() => (window as unknown as Tandem).Tandem('logout'));
  await expect.poll(() => frame.locator('.bubble').count(), { timeout: 20_000 }).toBe(0);
  // On another device the customer finds everything again.
  const other = await newCustomer({ dark: true });
  await other.page.waitForFunction(() => 'Tandem' in window);
  await other.page.evaluate((who) => (window as unknown as Tandem).Tandem('identify', who), sign(secret, 'rosa'));
  const there = await openWidget(other.page);
  await there
    .locator('.bubble')
    .nth(mine - 1)
    .waitFor();
  expect(await seriousFaults(other.page)).toEqual([]);
  expect(other.faults).toEqual([]);
  await other.context.close();
});

test('it speaks Chinese, by keyboard too', async () => {
  const { page, context, faults } = await newCustomer({ chinese: true });
  await launcher(page).focus();
  await page.keyboard.press('Enter');
  const frame = await frameOf(page);
  await frame.getByRole('button', { name: '同意并开始' }).press('Enter');
  await frame.locator('textarea').waitFor();
  expect(await frame.locator('html').getAttribute('lang')).toBe('zh-CN');
  expect(await seriousFaults(page)).toEqual([]);
  await frame.locator('textarea').press('Escape');
  await expect.poll(() => launcher(page).getAttribute('aria-expanded')).toBe('false');
  expect(faults).toEqual([]);
  await context.close();
});
