import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seriousFaults, signIn, startBrowser, url, type Visitor, visitor } from './browser';

let browser: Browser;
let stop: () => Promise<void>;

beforeAll(async () => {
  ({ browser, stop } = await startBrowser());
});
afterAll(() => stop());

const mp3 = readFileSync(fileURLToPath(new URL('../../notify/testdata/tone.mp3', import.meta.url)));
// The same tone, cut short: another file, still an MP3.
const shorter = mp3.subarray(0, Math.floor(mp3.length * 0.6));
const file = (buffer: Buffer, name = 'Morning.mp3') => ({ name, mimeType: 'audio/mpeg', buffer });

/** Counts what the page plays: notes of built-in tones, and sounds from files with their length. */
async function listening(person: Visitor): Promise<void> {
  await person.context.addInitScript(() => {
    const heard = { notes: 0, files: [] as number[] };
    Object.assign(window, { heard });
    const oscillate = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...when) {
      heard.notes++;
      oscillate.apply(this, when);
    };
    const play = AudioBufferSourceNode.prototype.start;
    AudioBufferSourceNode.prototype.start = function (...when) {
      heard.files.push(this.buffer?.duration ?? 0);
      play.apply(this, when);
    };
  });
}

type Heard = { notes: number; files: number[] };
const heard = (page: Page) => page.evaluate(() => (window as unknown as { heard: Heard }).heard);
const saveDefaults = (page: Page) =>
  Promise.all([
    page.waitForResponse((r) => r.url().endsWith('/queue-settings') && r.request().method() === 'PATCH' && r.ok()),
    page.getByRole('region', { name: 'What all queues inherit' }).getByRole('button', { name: 'Save' }).click(),
  ]);
const row = (page: Page, name: string) => page.locator('tr', { hasText: name });

describe('ring tones', () => {
  let person: Visitor;
  beforeAll(async () => {
    person = await visitor(browser);
    await listening(person);
    await signIn(person.page, 'admin', '/admin/notifications');
  });
  afterAll(() => person.context.close());

  test('built-in ones are listened to', async () => {
    const { page } = person;
    for (const name of ['Classic', 'Telephone', 'Bell', 'Marimba', 'Pulse', 'Drop']) {
      const before = (await heard(page)).notes;
      await page.getByRole('button', { name: `Listen: ${name}` }).click();
      await page.waitForFunction((n) => (window as unknown as { heard: Heard }).heard.notes > n, before);
    }
    expect(await seriousFaults(page)).toEqual([]);
    expect(person.faults).toEqual([]);
  });

  test('one is uploaded, heard, replaced and heard again', async () => {
    const { page } = person;
    await page.getByRole('button', { name: 'Upload a tone' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.locator('input[type=file]').setInputFiles(file(Buffer.from('not a sound at all')));
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByRole('alert').waitFor();
    person.faults.length = 0; // the browser's own line about the refusal
    await dialog.locator('input[type=file]').setInputFiles(file(mp3));
    await dialog.getByRole('button', { name: 'Save' }).click();
    await row(page, 'Morning').waitFor();
    const listen = page.getByRole('button', { name: 'Listen: Morning' });
    await listen.click();
    await page.waitForFunction(() => (window as unknown as { heard: Heard }).heard.files.length === 1);
    await listen.waitFor(); // it has ended by itself
    await Promise.all([
      page.waitForResponse((r) => r.request().method() === 'PUT' && r.ok()),
      page.locator('input[type=file]').setInputFiles(file(shorter)),
    ]);
    await listen.click();
    await page.waitForFunction(() => (window as unknown as { heard: Heard }).heard.files.length === 2);
    const [first, second] = (await heard(page)).files;
    expect(second).toBeLessThan((first ?? 0) - 0.2);
  });

  test('what is chosen above all queues is inherited, and a queue has its own', async () => {
    const { page } = person;
    const tone = page.getByRole('combobox', { name: 'Incoming call' });
    await tone.click();
    await page.getByRole('option', { name: 'Morning' }).click();
    await page.locator('[data-setting=notification]').getByText('Own', { exact: true }).waitFor();
    await saveDefaults(page);

    await page.goto(`${url}/admin/queues`);
    await page.locator('[data-queue=Support]').click();
    const setting = page.locator('[data-setting=notification]');
    await setting.getByText('Global', { exact: true }).waitFor();
    expect(await setting.getByRole('combobox', { name: 'Incoming call' }).inputValue()).toBe('Morning');
    await setting.getByRole('combobox', { name: 'Incoming call' }).click();
    await page.getByRole('option', { name: 'Marimba' }).click();
    await setting.getByText('Own', { exact: true }).waitFor();
    expect(await seriousFaults(page)).toEqual([]);
  });

  test('the announcement is heard before it is saved', async () => {
    const { page } = person;
    const preview = page.locator('[data-preview=whisper]');
    const [answer] = await Promise.all([page.waitForResponse(/whisper-preview/), preview.click()]);
    expect(answer.headers()['content-type']).toBe('audio/wav');
    await page.locator('[data-preview=whisper][data-playing=true]').waitFor();
    await preview.click();
    await page.locator('[data-preview=whisper][data-playing=false]').waitFor();
    expect(person.faults).toEqual([]);
  });

  test('one that is deleted rings as the built-in one', async () => {
    const { page } = person;
    await page.goto(`${url}/admin/notifications`);
    await page.getByRole('button', { name: 'Delete: Morning' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await row(page, 'Morning').waitFor({ state: 'detached' });
    const setting = page.locator('[data-setting=notification]');
    expect(await setting.getByRole('combobox', { name: 'Incoming call' }).inputValue()).toMatch(/Deleted/);
    const before = (await heard(page)).notes;
    await setting.getByRole('button', { name: 'Listen: Incoming call' }).click();
    await page.waitForFunction((n) => (window as unknown as { heard: Heard }).heard.notes > n, before);
    await setting.getByRole('button', { name: /Inherit/ }).click();
    await saveDefaults(page);
  });
});

describe('the own notifications', () => {
  test.each([
    ['light, English', {}, 'Notifications'],
    ['dark, Chinese', { dark: true, chinese: true }, '通知'],
  ])('rules and a mobile number are kept, %s', async (_name, look, title) => {
    const person = await visitor(browser, look);
    const { page } = person;
    await signIn(page, 'agent2', '/profile');
    await page.locator('h1', { hasText: title }).waitFor();
    const mobile = page.locator('input[type=tel]');
    await mobile.fill('12345');
    await page.locator('form button[type=submit]').click();
    await page.getByRole('alert').waitFor();
    await mobile.fill('+49 151 12345678');
    const boxes = page.locator('form input[type=checkbox]');
    expect(await boxes.count()).toBe(8);
    const before = await boxes.first().isChecked();
    await boxes.first().setChecked(!before);
    await Promise.all([
      page.waitForResponse((r) => r.request().method() === 'PUT' && r.ok()),
      page.locator('form button[type=submit]').click(),
    ]);
    await page.reload();
    await boxes.first().waitFor();
    expect(await mobile.inputValue()).toBe('+4915112345678');
    expect(await boxes.first().isChecked()).toBe(!before);
    expect(await seriousFaults(page)).toEqual([]);
    expect(person.faults.filter((f) => !f.includes('400'))).toEqual([]);
    await person.context.close();
  });

  test('a browser is subscribed, and its worker shows what is pushed', async () => {
    const person = await visitor(browser);
    const { page, context } = person;
    // The browser of a test has no push service behind it; what it would give is made up, the worker is the real one.
    await context.addInitScript(() => {
      let current: unknown = null;
      const made = {
        endpoint: 'https://push.example.com/capability',
        toJSON: () => ({
          endpoint: 'https://push.example.com/capability',
          keys: {
            p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
            auth: 'BTBZMqHH6r4Tts7J_aSIgg',
          },
        }),
        unsubscribe: async () => {
          current = null;
          return true;
        },
      };
      PushManager.prototype.subscribe = async () => {
        current = made;
        return made as unknown as PushSubscription;
      };
      PushManager.prototype.getSubscription = async () => current as PushSubscription | null;
    });
    await signIn(page, 'agent1', '/profile');
    const here = page.getByRole('switch');
    await here.waitFor();
    await page.waitForFunction(() => !document.querySelector<HTMLInputElement>('[role=switch]')?.disabled);
    await here.click({ force: true });
    await page.getByText('1 browser of yours').waitFor();

    const session = await context.newCDPSession(page);
    const registered = new Promise<string>((resolve) => {
      session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
        const [first] = registrations;
        if (first) resolve(first.registrationId);
      });
    });
    await session.send('ServiceWorker.enable');
    await session.send('ServiceWorker.deliverPushMessage', {
      origin: url,
      registrationId: await registered,
      data: JSON.stringify({
        title: 'Test',
        body: 'Notifications reach you here.',
        tag: 'tandem-test',
        path: '/profile',
      }),
    });
    await page.waitForFunction(async () => {
      const registration = await navigator.serviceWorker.ready;
      const [shown] = await registration.getNotifications();
      return shown?.title === 'Test' && shown.tag === 'tandem-test';
    });

    // The account menu has the same switch.
    await page.getByRole('button', { name: 'Your account' }).click();
    await page.getByRole('menuitem', { name: 'Stop notifying here' }).click();
    await page.getByText('0 browsers of yours').waitFor();
    expect(person.faults).toEqual([]);
    await context.close();
  });
});
