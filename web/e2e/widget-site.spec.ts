import type { APIRequestContext, Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clearDesks, seriousFaults, signedIn, startBrowser, url, type Visitor, visitor } from './browser';
import { serveMail, serveSite } from './site';
import { demoWidget, frameOf, launcher, newSecret, openWidget, sign, type Tandem, write } from './widget';

// The widget on the page of a shop, which is on another host and has a strict policy; nobody is there to answer.

let browser: Browser;
let stop: () => Promise<void>;
let admin: APIRequestContext;
let site: Awaited<ReturnType<typeof serveSite>>;
let mail: Awaited<ReturnType<typeof serveMail>>;
let account = '';
let secret = '';
let before: { queue: string; settings: Settings };
const refused: string[] = [];

interface Settings {
  origins: string[];
  triggers: object[];
  features: Record<string, boolean>;
}

const channel = () => `${url}/api/v1/channels/${account}`;

async function set(settings: object): Promise<void> {
  const answer = await admin.put(`${channel()}/widget`, { data: settings });
  expect(await answer.text()).toContain('settings');
}

beforeAll(async () => {
  ({ browser, stop } = await startBrowser());
  [site, mail] = await Promise.all([serveSite(), serveMail()]);
  await clearDesks(browser);
  admin = await signedIn(browser, 'admin');
  account = await demoWidget(admin);
  secret = await newSecret(admin);
  const { queue_id: queue } = (await (await admin.get(channel())).json()) as { queue_id: string };
  const { settings } = (await (await admin.get(`${channel()}/widget`)).json()) as { settings: Settings };
  before = { queue, settings };
  await set({
    ...settings,
    origins: [site.origin],
    triggers: [
      { id: 'cart', url: '/cart*', seconds: 30, messages: { en: 'May we help?', zh: '需要帮忙吗?' } },
      { id: 'pay', url: '/pay', open: true },
    ],
  });
});
afterAll(async () => {
  if (before) {
    await set(before.settings);
    await admin.patch(channel(), { data: { queue_id: before.queue } });
    await admin.patch(`${url}/api/v1/queues/${before.queue}`, { data: { reset: ['schedule'] } });
  }
  site?.close();
  mail?.close();
  await stop?.();
});

async function shopper(path: string, look: Parameters<typeof visitor>[1] = {}): Promise<Visitor> {
  const v = await visitor(browser, look);
  await v.page.exposeFunction('tandemViolation', (what: string) => refused.push(what));
  await v.page.addInitScript(() =>
    document.addEventListener('securitypolicyviolation', (e) =>
      (window as unknown as { tandemViolation: (what: string) => void }).tandemViolation(
        `${e.violatedDirective} ${e.blockedURI} in ${location.origin}`,
      ),
    ),
  );
  await v.page.clock.install();
  await v.page.goto(site.origin + path);
  await v.page.waitForFunction(() => 'Tandem' in window);
  return v;
}

const tandem = (page: Page, ...args: unknown[]) =>
  page.evaluate((all) => {
    (window as unknown as Tandem).Tandem(...(all as [string]));
  }, args);

/** Writes down the events that the page hears. */
const listen = (page: Page) =>
  page.evaluate(() => {
    const heard: string[] = [];
    (window as unknown as { heard: string[] }).heard = heard;
    for (const name of ['ready', 'open', 'close', 'unread', 'message', 'state', 'identified', 'trigger', 'error'])
      (window as unknown as Tandem).Tandem('on', name, (data: unknown) =>
        heard.push(`${name} ${JSON.stringify(data)}`),
      );
  });
const heard = (page: Page) => page.evaluate(() => (window as unknown as { heard: string[] }).heard);

test('it opens by a trigger of the address, once', async () => {
  const { page, context, faults } = await shopper('/pay');
  const frame = await frameOf(page);
  await frame.locator('[data-action=agree]').click();
  await frame.locator('textarea').waitFor();
  await page.reload();
  await launcher(page).waitFor();
  expect(await launcher(page).getAttribute('aria-expanded')).toBe('false');
  expect(faults).toEqual([]);
  await context.close();
});

test('after half a minute on a page it says something', async () => {
  const { page, context } = await shopper('/');
  await listen(page);
  const bubble = page.getByRole('status');
  await page.clock.pauseAt(Date.now() + 60_000);
  await page.evaluate(() => history.pushState({}, '', '/cart/1'));
  await tandem(page, 'page');
  await page.clock.runFor(29_000);
  expect(await bubble.count()).toBe(0);
  await page.clock.runFor(1_500);
  await expect.poll(() => bubble.textContent()).toContain('May we help?');
  await page.clock.resume();
  expect(await heard(page)).toContain('trigger "cart"');
  expect(await seriousFaults(page)).toEqual([]);
  await page.getByRole('button', { name: 'Dismiss' }).click();
  expect(await bubble.count()).toBe(0);
  await context.close();
});

test('the JavaScript interface does and tells what is documented', async () => {
  const { page, context, faults } = await shopper('/');
  await listen(page);
  await tandem(page, 'open');
  const frame = await frameOf(page);
  await frame.locator('[data-action=agree]').click();
  await frame.locator('[data-link=online]').waitFor({ state: 'attached' });
  await tandem(page, 'identify', { id: 'zoe', signature: '00' });
  await expect.poll(() => heard(page)).toContain('error {"code":"identity_invalid"}');
  await tandem(page, 'identify', sign(secret, 'zoe', 'Zoe Shopper'));
  await expect.poll(() => heard(page)).toContain('identified {"id":"zoe"}');
  await tandem(page, 'set', { data: { cart: '3 tents' }, language: 'zh' });
  await expect.poll(() => frame.locator('html').getAttribute('lang')).toBe('zh-CN');
  await frame.locator('[data-link=online]').waitFor({ state: 'attached' });
  await write(frame, 'Do you ship to Bergen?');
  await frame.locator('[data-message]').waitFor();
  await expect.poll(async () => (await heard(page)).some((e) => e.startsWith('state {"state":"open"'))).toBe(true);
  await tandem(page, 'close');
  await tandem(page, 'toggle');
  await tandem(page, 'toggle');
  const seen = await heard(page);
  expect(seen.filter((e) => e.startsWith('open'))).toHaveLength(2);
  expect(seen.filter((e) => e.startsWith('close'))).toHaveLength(2);
  const { items } = (await (await admin.get(`${url}/api/v1/conversations?channel=web&limit=50`)).json()) as {
    items: { last_text: string; person: { name: string }; data: Record<string, string> }[];
  };
  const mine = items.find((c) => c.last_text === 'Do you ship to Bergen?');
  expect(mine?.person.name).toBe('Zoe Shopper');
  expect(mine?.data).toMatchObject({ cart: '3 tents' });
  await tandem(page, 'destroy');
  expect(await page.locator('[data-tandem]').count()).toBe(0);
  expect(await page.evaluate(() => 'Tandem' in window)).toBe(false);
  expect(faults).toEqual([]);
  await context.close();
});

test('on a mobile telephone it fills the page: dark, in Chinese', async () => {
  const { page, context, faults } = await shopper('/', { dark: true, chinese: true });
  await page.setViewportSize({ width: 375, height: 667 });
  const frame = await openWidget(page);
  await write(frame, '你好,帐篷漏水了。');
  await frame.locator('[data-message]').waitFor();
  const box = await page.locator('[data-tandem] iframe').boundingBox();
  expect(box).toEqual({ x: 0, y: 0, width: 375, height: 667 });
  expect(await frame.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(375);
  expect(await seriousFaults(page)).toEqual([]);
  await frame.locator('[data-action=close]').click();
  await launcher(page).waitFor();
  expect(faults).toEqual([]);
  await context.close();
});

test('one waits, ends it, rates it, and has it sent by mail', async () => {
  const { page, context, faults } = await shopper('/');
  await tandem(page, 'identify', sign(secret, 'yan', 'Yan Customer'));
  const frame = await openWidget(page);
  await write(frame, 'Is the red one waterproof?');
  const status = frame.locator('.status [role=status]');
  await expect.poll(() => status.textContent(), { timeout: 20_000 }).toMatch(/You are (next|number \d+ in the queue)/);
  const menu = frame.getByRole('button', { name: 'More' });
  await menu.click();
  await frame.locator('[data-action=transcript]').click();
  await frame.getByLabel('Your e-mail address').fill('no address');
  await frame.getByRole('button', { name: 'Send' }).click();
  await frame.getByText('That is no e-mail address.').waitFor();
  await frame.getByLabel('Your e-mail address').fill('zoe@shop.test');
  await frame.getByRole('button', { name: 'Send' }).click();
  await frame.getByText('on its way to zoe@shop.test').waitFor({ timeout: 20_000 });
  expect(mail.mails).toHaveLength(1);
  expect(mail.mails[0]).toMatch(/^To: <zoe@shop\.test>$/m);
  expect(mail.mails[0]).toContain('Is the red one waterproof?');
  await frame.getByRole('button', { name: 'Back to the chat' }).click();
  await menu.click();
  await frame.locator('[data-action=end]').click();
  const rating = frame.locator('[data-form=rating]');
  await rating.getByLabel('4 of 5').check();
  await rating.getByLabel('Would you like to add anything?').fill('Quick.');
  expect(await seriousFaults(page)).toEqual([]);
  await rating.getByRole('button', { name: 'Send' }).click();
  await frame.getByText('Thank you!').waitFor();
  // The browser keeps nothing for a frame of another host, but the site knows who its customer is.
  await page.reload();
  await page.waitForFunction(() => 'Tandem' in window);
  await tandem(page, 'identify', sign(secret, 'yan', 'Yan Customer'));
  const again = await openWidget(page);
  await again.getByText('Thank you!').waitFor();
  expect(faults).toEqual([]);
  await context.close();
});

test('a call is scheduled, and is in the list of who is to be called', async () => {
  const schedule = { on: true, slot_minutes: 30, capacity: 50, days_ahead: 7, lead_minutes: 60, priority: 5 };
  const patched = await admin.patch(`${url}/api/v1/queues/${before.queue}`, { data: { set: { schedule } } });
  expect(patched.ok(), await patched.text()).toBe(true);
  const { page, context, faults } = await shopper('/');
  const frame = await openWidget(page);
  await frame.getByRole('button', { name: 'More' }).click();
  await frame.locator('[data-action=callback]').click();
  const form = frame.locator('[data-form=callback]');
  await form.locator('select').selectOption({ index: 2 });
  await form.getByLabel('Your telephone number').fill('12');
  await form.getByRole('button', { name: 'Schedule the call' }).click();
  await form.getByRole('alert').waitFor();
  const number = `+49301${Date.now() % 1_000_000}`;
  await form.getByLabel('Your telephone number').fill(number);
  expect(await seriousFaults(page)).toEqual([]);
  await form.getByRole('button', { name: 'Schedule the call' }).click();
  await frame.getByText('We will call you on').waitFor();
  const { items } = (await (await admin.get(`${url}/api/v1/callbacks?limit=50`)).json()) as { items: object[] };
  expect(JSON.stringify(items)).toContain(number);
  expect(faults).toEqual([]);
  await context.close();
});

test('while nobody is there it offers what is chosen for the queue, and takes a message', async () => {
  const { items } = (await (await admin.get(`${url}/api/v1/queues`)).json()) as {
    items: { id: string; name: string }[];
  };
  const night = items.find((q) => q.name === 'Night desk')?.id;
  expect((await admin.patch(channel(), { data: { queue_id: night } })).ok()).toBe(true);
  // The account's queue is remembered for some seconds; settings that are saved take effect at once, and the queue with them.
  await set({ ...before.settings, origins: [site.origin] });
  const { page, context, faults } = await shopper('/');
  await launcher(page).click();
  const frame = await frameOf(page);
  await frame.locator('[data-action=agree]').click();
  await frame.locator('[data-offering=closed]').getByText('Nobody is here at the moment').waitFor();
  expect(await frame.locator('[data-option=email] a').getAttribute('href')).toBe('mailto:help@demo.test');
  await frame.locator('[data-option=scheduled_call]').waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  const form = frame.locator('[data-form=offline]');
  await form.getByLabel('Your name').fill('Night Owl');
  await form.getByLabel('Your e-mail address').fill('owl@shop.test');
  await form.getByLabel('Your message').fill('Call me about the blue one.');
  await form.getByRole('button', { name: 'Leave the message' }).click();
  await frame.locator('[data-message] .text', { hasText: 'Call me about the blue one.' }).waitFor();
  expect(faults).toEqual([]);
  await context.close();
});

test('a page that is not on the list gets nothing', async () => {
  await set({ ...before.settings, origins: ['https://elsewhere.test'] });
  const { page, context } = await shopper('/');
  await tandem(page, 'open');
  await page.locator('[data-tandem] iframe').waitFor();
  await expect.poll(() => page.frames().at(-1)?.url()).toMatch(/^chrome-error:/);
  await context.close();
});

test('the policy of the page had nothing to refuse', () => expect(refused).toEqual([]));
