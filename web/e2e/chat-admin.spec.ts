import type { APIRequestContext, Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import channels from '../src/i18n/en/channels.json';
import inbox from '../src/i18n/en/inbox.json';
import { clearDesks, seriousFaults, signedIn, signIn, startBrowser, url, type Visitor, visitor } from './browser';
import { type Stage, startStage } from './stage';
import { demoWidget } from './widget';

// What administrators enter of chat is there again after a reload, field by field; accounts talk to the fake platforms.

const PATIENCE = { timeout: 20_000 };
const meta = { app_secret: 'app-secret-for-tests', access_token: 'meta-access-token', verify_token: 'verify-me' };
/** What the fakes know of us. */
const secrets: Record<string, Record<string, string>> = {
  whatsapp: meta,
  messenger: meta,
  instagram: meta,
  wechat: {
    secret: 'wechat-app-secret',
    token: 'wechat-token',
    aes_key: '0123456789abcdefghijklmnopqrstuvwxyzABCDEFG',
  },
  line: { channel_secret: 'line-channel-secret', access_token: 'line-access-token' },
  telegram: { bot_token: '123456:telegram-bot-token', secret_token: 'telegram-secret' },
  viber: { auth_token: 'viber-auth-token' },
  sms: { auth_token: 'twilio-auth-token' },
  web: {},
};

interface Account {
  id: string;
  channel: string;
  name: string;
  settings: Record<string, string>;
}

let browser: Browser;
let stop: () => Promise<void>;
let stage: Stage;
let admin: APIRequestContext;
let person: Visitor;
let accounts: Account[];
let before: { chat: object; widget: object };

const get = async <T>(path: string) => (await (await admin.get(`${url}/api/v1${path}`)).json()) as T;
const listAccounts = async () => (await get<{ items: Account[] }>('/channels')).items;

/** Removes the accounts that a test has made. */
async function removeMade(): Promise<void> {
  for (const one of await listAccounts())
    if (one.name.startsWith('again-')) await admin.delete(`${url}/api/v1/channels/${one.id}`);
}

beforeAll(async () => {
  ({ browser, stop } = await startBrowser());
  await clearDesks(browser);
  admin = await signedIn(browser, 'admin');
  stage = await startStage(admin);
  accounts = (await listAccounts()).filter((one) => one.name === 'demo');
  const widget = await get<{ settings: object }>(`/channels/${await demoWidget(admin)}/widget`);
  before = { chat: await get('/chat-settings'), widget: widget.settings };
  person = await visitor(browser);
  person.page.setDefaultTimeout(30_000);
  await signIn(person.page, 'admin');
});
afterAll(async () => {
  await removeMade();
  await admin.put(`${url}/api/v1/chat-settings`, { data: before.chat });
  await admin.put(`${url}/api/v1/channels/${await demoWidget(admin)}/widget`, { data: before.widget });
  await stage?.stop();
  await stop();
});

const named = (where: Locator | Page, label: string) =>
  where.getByLabel(new RegExp(`^${label.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}( \\*)?$`));

async function choose(where: Locator | Page, label: string, option: string): Promise<void> {
  await where.getByRole('combobox', { name: label }).click();
  await person.page.getByRole('option', { name: option, exact: true }).click();
}

async function save(where: Locator | Page): Promise<void> {
  await where.getByRole('button', { name: 'Save', exact: true }).click();
  await person.page.getByText('Saved').first().waitFor(PATIENCE);
}

/** Everything that a form holds, in its order. */
const held = (form: Locator) =>
  form
    .locator('input, textarea')
    .evaluateAll((all) =>
      all.map((e) =>
        e instanceof HTMLInputElement && e.type === 'checkbox' ? String(e.checked) : (e as HTMLInputElement).value,
      ),
    );

test('chat settings: each one is changed, and there again', { timeout: 120_000 }, async () => {
  const { page } = person;
  await page.goto(`${url}/admin/chat-settings`);
  const form = page.locator('form').filter({ has: page.getByLabel('Reopening') });
  await form.waitFor();
  const was = await held(form);
  const numbers = {
    'The agent has not answered': 7,
    'The customer has not answered': 90,
    'The customer never wrote': 15,
  };
  for (const [label, value] of Object.entries({ ...numbers, Reopening: 3, 'Warn at': 1.5, 'Pause at': 2.5 }))
    await form.getByLabel(label).fill(String(value));
  for (const label of ['Assign without asking', 'Keep what customers take back', 'Several WeChat accounts'])
    await form.getByLabel(label).click();
  await form.getByRole('combobox', { name: 'Accounts with HUMAN_AGENT' }).press('ArrowDown'); // its box lies over it
  await page.getByRole('option', { name: 'demo · Messenger' }).click();
  await page.keyboard.press('Escape');
  await form.getByLabel('Reopening').blur();
  const now = await held(form);
  await save(form);
  await page.reload();
  await form.waitFor();
  expect(await held(form)).toEqual(now);
  expect(now.filter((value, n) => value !== was[n])).toHaveLength(10);
  expect(await get('/chat-settings')).toMatchObject({ agent_silent_minutes: 7, several_wechat: true, reopen_days: 3 });
  expect(await seriousFaults(page)).toEqual([]);
});

type Texts = Record<string, Record<string, { label: string } | undefined> | undefined>;
const labelOf = (channel: string, field: string) => {
  const texts = channels.fields as Texts;
  return texts[channel]?.[field]?.label ?? texts.any?.[field]?.label ?? field;
};

test.each(Object.keys(secrets))('an account of %s: its fields, and its test', { timeout: 120_000 }, async (channel) => {
  const { page } = person;
  const settings = accounts.find((one) => one.channel === channel)?.settings ?? {};
  const name = `Again ${channel}`;
  await page.goto(`${url}/admin/channels`);
  await page.getByRole('button', { name: 'New account' }).click();
  const drawer = page.getByRole('dialog');
  await choose(drawer, 'What do you want to connect?', (inbox.channels as Record<string, string>)[channel] ?? channel);
  await named(drawer, 'Name').fill(name);
  await named(drawer, 'Name in addresses').fill(`again-${channel}`);
  await choose(drawer, 'Queue', 'Support');
  const advanced = drawer.getByRole('button', { name: 'Addresses and versions' });
  if (channel !== 'web') await advanced.click();
  for (const [field, value] of Object.entries({ ...settings, ...secrets[channel] })) {
    if (field === 'encryption') await choose(drawer, 'Encryption', channels.encryption.required);
    else await named(drawer, labelOf(channel, field)).fill(value);
  }
  await save(drawer);

  await page.reload();
  await page.getByRole('row', { name }).click();
  if (channel !== 'web') await advanced.click();
  for (const [field, value] of Object.entries(settings)) {
    const shown = field === 'encryption' ? channels.encryption.required : value;
    expect(await named(drawer, labelOf(channel, field)).first().inputValue(), field).toBe(shown);
  }
  for (const field of Object.keys(secrets[channel] ?? {})) {
    expect(await named(drawer, labelOf(channel, field)).inputValue(), field).toBe('');
  }
  expect(await drawer.getByText(channels.stored).count()).toBe(Object.keys(secrets[channel] ?? {}).length);
  await drawer.getByRole('button', { name: 'Test', exact: true }).click();
  await page.getByText(channels.tested).waitFor(PATIENCE);
  await drawer.locator('[data-account-state=ok]').waitFor(PATIENCE);
  await removeMade();
  expect(person.faults).toEqual([]);
});

test('a token that the platform does not know: the account says so once it is tested', async () => {
  const { page } = person;
  const { settings = {} } = accounts.find((one) => one.channel === 'telegram') ?? {};
  const name = 'again-stranger';
  const made = {
    channel: 'telegram',
    name,
    label: name,
    settings,
    secrets: { ...secrets.telegram, bot_token: '1:other' },
  };
  expect((await admin.post(`${url}/api/v1/channels`, { data: made })).ok()).toBe(true);
  await page.goto(`${url}/admin/channels`);
  await page.getByRole('row', { name }).click();
  const drawer = page.getByRole('dialog');
  await drawer.getByRole('button', { name: 'Test', exact: true }).click();
  await drawer.locator('[data-account-state=needs_reauthorisation]').getByText('Unauthorized').waitFor(PATIENCE);
  expect(await page.getByText(channels.tested).count()).toBe(0);
  expect(await seriousFaults(page)).toEqual([]);
  await removeMade();
});

test('templates come from the platform; their preview follows what is entered', async () => {
  const { page } = person;
  await page.goto(`${url}/admin/templates`);
  await choose(page, channels.templates.account, 'demo · WhatsApp');
  await page.getByRole('button', { name: channels.templates.sync }).click();
  await page
    .getByRole('row', { name: /order_ok/ })
    .first()
    .click(PATIENCE);
  const drawer = page.getByRole('dialog', { name: 'order_ok' });
  await drawer.getByLabel('Text: 1').fill('Fay');
  await drawer.getByLabel('Text: 2').fill('Friday');
  await drawer.locator('[data-preview]').getByText('Hello Fay, your order leaves on Friday.').waitFor();
  expect(await seriousFaults(page)).toEqual([]);
});

test('a canned response: every field is there again', async () => {
  const { page } = person;
  await page.goto(`${url}/admin/canned`);
  await page.getByRole('button', { name: 'New text' }).click();
  const drawer = page.getByRole('dialog');
  await drawer.getByLabel('Shortcut').fill('again');
  await named(drawer, channels.canned.title).fill('Again and again');
  await named(drawer, channels.canned.text).fill('Once more, {{customer.first_name}}.');
  await choose(drawer, channels.canned.language, channels.languages.zh);
  await choose(drawer, channels.canned.queue, 'Support');
  await drawer.getByText(channels.canned.own, { exact: true }).click();
  const now = await held(drawer);
  await save(drawer);
  await page.reload();
  await page.getByRole('row', { name: /\/again/ }).click();
  await expect.poll(() => held(drawer)).toEqual(now);
  await drawer.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog', { name: /again/ }).getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('row', { name: /\/again/ }).waitFor({ state: 'detached' });
});

test('the widget: every field is there again, and the preview follows', { timeout: 120_000 }, async () => {
  const { page } = person;
  const w = channels.widget;
  await page.goto(`${url}/admin/widget`);
  const form = page.locator('form').filter({ has: page.getByText(w.behaviour) });
  const say = (label: string, text: string) => form.getByRole('tabpanel').getByLabel(label, { exact: true }).fill(text);
  await named(form, w.color).fill('#6f4aa8');
  await choose(form, w.position, w.left);
  await choose(form, w.theme, w.dark);
  for (const [language, text] of [
    ['English', 'again'],
    ['Chinese', '再来'],
  ] as const) {
    await form.getByRole('tab', { name: language }).click();
    for (const label of [w.title, w.greeting, w.launcher, w.consentText, w.offlineText])
      await say(label, `${label} ${text}`);
  }
  for (const name of ['upload', 'callback', 'transcript', 'csat', 'offline'] as const)
    await form.getByLabel(w[name]).click();
  await form.getByRole('button', { name: w.addField }).click();
  const question = form
    .locator('[class*=part]')
    .filter({ has: page.getByLabel(w.fieldName) })
    .last();
  await question.getByLabel(w.fieldName).fill('size');
  await choose(question, w.fieldKind, w.kind.select);
  await question.getByLabel(w.required).click();
  await question.getByLabel('Question (English)').fill('Your size');
  await question.getByLabel('Question (Chinese)').fill('尺寸');
  for (const size of ['S', 'M']) {
    await named(question, w.options).fill(size);
    await page.keyboard.press('Enter');
  }
  await form.getByRole('button', { name: w.addTrigger }).click();
  const trigger = form
    .locator('[class*=part]')
    .filter({ has: page.getByLabel(w.url) })
    .last();
  await trigger.getByLabel(w.url).fill('/cart*');
  await trigger.getByLabel(w.seconds).fill('25');
  await trigger.getByLabel(w.opens).click();
  await trigger.getByLabel(w.returning).click();
  await trigger.getByLabel('Message (English)').fill('May we help?');
  await trigger.getByLabel('Message (Chinese)').fill('需要帮忙吗？');
  await form.getByLabel(w.origins).fill('https://shop.example.com');
  await page.keyboard.press('Enter');
  const now = await held(form);
  await save(form);
  const preview = page.frameLocator(`iframe[title="${w.preview}"]`);
  await preview.getByText(`${w.launcher} again`).waitFor(PATIENCE);

  await page.reload();
  await expect.poll(() => held(form)).toEqual(now);
  expect(await get(`/channels/${await demoWidget(admin)}/widget`)).toMatchObject({
    settings: {
      color: '#6f4aa8',
      position: 'left',
      theme: 'dark',
      texts: { en: { greeting: 'Greeting again' }, zh: { title: 'Title 再来' } },
      form: [{ name: 'size', kind: 'select', required: true, options: ['S', 'M'], labels: { en: 'Your size' } }],
      triggers: [{ url: '/cart*', seconds: 25, messages: { en: 'May we help?' } }],
      origins: ['https://shop.example.com'],
    },
  });
  await preview.getByText(`${w.launcher} again`).waitFor(PATIENCE);
  await preview.getByRole('button', { name: /chat/ }).first().click();
  const inside = preview.frameLocator('[data-tandem] iframe');
  await inside.getByText(`${w.title} again`).waitFor(PATIENCE);
  await inside.getByText(`${w.consentText} again`).waitFor(PATIENCE);
  expect(await seriousFaults(page)).toEqual([]);
  expect(person.faults).toEqual([]);
});
