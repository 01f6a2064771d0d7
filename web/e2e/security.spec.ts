import { createHmac, randomUUID } from 'node:crypto';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seriousFaults, signedIn, startBrowser, url, type Visitor, visitor } from './browser';

// Somebody changes their own password, and sets up, uses and removes the second step at sign-in.

let browser: Browser;
let stop: () => Promise<void>;
let own: Visitor;
const email = `own-${randomUUID()}@demo.test`;

beforeAll(async () => {
  ({ browser, stop } = await startBrowser());
  const admin = await signedIn(browser, 'admin');
  const roles = (await (await admin.get(`${url}/api/v1/roles`)).json()) as {
    items: Array<{ id: string; name: string }>;
  };
  const role = roles.items.find((one) => one.name === 'agent')?.id;
  const made = await admin.post(`${url}/api/v1/users`, {
    data: { email, name: 'Olga Own', password: 'first-password', roles: [role] },
  });
  expect(made.ok(), await made.text()).toBe(true);
  own = await visitor(browser);
});
afterAll(() => stop?.());

async function enter(page: Page, password: string): Promise<void> {
  await page.goto(`${url}/security`);
  await page.locator('input[name=email]').fill(email);
  await page.locator('input[name=password]').fill(password);
  await page.locator('button[type=submit]').click();
}

/** The code of RFC 6238 that an authenticator app shows, now or a number of steps later. */
function codeOf(secret: string, later = 0): string {
  const bits = [...secret]
    .map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0'))
    .join('');
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + later));
  const hash = createHmac('sha1', key).update(counter).digest();
  const at = (hash.at(-1) ?? 0) & 0x0f;
  return String((hash.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

test('a new password takes the place of the old one', async () => {
  const { page } = own;
  await enter(page, 'first-password');
  const form = page.getByRole('form', { name: 'Password' });
  const change = async (old: string, password: string, again = password) => {
    await form.getByLabel('Present password').fill(old);
    await form.getByLabel('New password', { exact: true }).fill(password);
    await form.getByLabel('New password again').fill(again);
    await form.getByRole('button', { name: 'Save' }).click();
  };
  await change('first-password', 'second-password', 'secnod-password');
  await form.getByText('not the same').waitFor();
  await change('wrong-password', 'second-password');
  await form.getByText('The present password is not right.').waitFor();
  await change('first-password', 'short');
  await form.getByRole('alert').waitFor();
  await change('first-password', 'second-password');
  await page.getByText('Saved').waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  const { request } = await browser.newContext();
  const old = await request.post(`${url}/api/v1/login`, { data: { email, password: 'first-password' } });
  expect(old.status()).toBe(401);
});

test('the second step is set up, asked for, and switched off', { timeout: 60_000 }, async () => {
  const { page, context } = own;
  await page.locator('[data-action=enrol]').click();
  await page.getByRole('img', { name: 'QR code for the authenticator app' }).waitFor();
  const secret = page.getByLabel('Key for the app');
  await expect.poll(() => secret.inputValue()).toMatch(/^[A-Z2-7]{32}$/);
  const key = await secret.inputValue();
  expect(await seriousFaults(page)).toEqual([]);
  await page.getByLabel('Code').fill('000000');
  await page.getByRole('button', { name: 'Confirm' }).click();
  await page.getByRole('alert').waitFor();
  await page.getByLabel('Code').fill(codeOf(key));
  await page.getByRole('button', { name: 'Confirm' }).click();
  await page.getByRole('heading', { name: 'Keep these recovery codes' }).waitFor();
  const recovery = ((await page.locator('pre').textContent()) ?? '').split('\n');
  expect(recovery).toHaveLength(10);
  await page.getByRole('button', { name: 'I have kept them' }).click();
  await page.getByText('On: signing in asks for a code').waitFor();

  await context.clearCookies();
  await enter(page, 'second-password');
  await page.locator('input[name=code]').fill(codeOf(key, 1)); // one code is good once
  await page.locator('button[type=submit]').click();
  await page.getByText('On: signing in asks for a code').waitFor();
  await page.getByLabel('Code').fill(recovery[0] ?? '');
  await page.getByRole('button', { name: 'Switch off' }).click();
  await page.locator('[data-action=enrol]').waitFor();
  expect(await seriousFaults(page)).toEqual([]);
});
