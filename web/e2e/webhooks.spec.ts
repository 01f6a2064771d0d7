import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seriousFaults, signIn, startBrowser, url, type Visitor, visitor } from './browser';

// An endpoint from the screen to a receiver of the test's own: made, pinged, seen in the log, sent again.

let browser: Browser;
let stop: () => Promise<void>;
let admin: Visitor;
let receiver: Server;
let hook: string;
let status = 204;
const got: { headers: IncomingHttpHeaders; body: string }[] = [];

beforeAll(async () => {
  receiver = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    got.push({ headers: request.headers, body });
    response.writeHead(status).end();
  });
  await new Promise<void>((listening) => receiver.listen(0, '127.0.0.1', listening));
  hook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  ({ browser, stop } = await startBrowser());
  admin = await visitor(browser);
  await signIn(admin.page, 'admin');
});
afterAll(async () => {
  await stop();
  await new Promise((closed) => receiver.close(closed));
});

/** The signature of Standard Webhooks, worked out here. */
function signature(secret: string, at: (typeof got)[number]): string {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const signed = `${at.headers['webhook-id']}.${at.headers['webhook-timestamp']}.${at.body}`;
  return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
}

test('an endpoint is made, pinged, seen in the log and sent to again', { timeout: 60_000 }, async () => {
  const { page, faults } = admin;
  await page.goto(`${url}/admin/webhooks`);
  await page.getByRole('button', { name: 'New endpoint' }).click();
  await page.getByLabel('Address').fill(hook);
  await page.getByLabel('Description').fill('Data warehouse');
  await page.getByLabel('All of tickets').check();
  await page.getByLabel('call.ended', { exact: true }).check();
  expect(await seriousFaults(page)).toEqual([]);
  await page.getByRole('button', { name: 'Save' }).click();
  const secret = (await page.getByText(/^whsec_/).textContent()) ?? '';

  await page.getByText(hook).click();
  const drawer = page.getByRole('dialog');
  await drawer.getByRole('button', { name: 'Send a test event' }).click();
  await drawer.getByRole('cell', { name: 'webhook.ping', exact: true }).waitFor();
  await drawer.getByText('Delivered', { exact: true }).last().waitFor();
  const first = got[0];
  expect(first?.headers['webhook-signature']).toBe(first && signature(secret, first));
  expect(JSON.parse(first?.body ?? '{}')).toMatchObject({ type: 'webhook.ping' });

  status = 410;
  await drawer.getByRole('button', { name: 'Send again: webhook.ping' }).click();
  await drawer.getByText('Switched off: the endpoint answered that it is gone (410).').waitFor();
  expect(got[1]?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
  status = 204;
  await drawer.getByLabel('Switched on').check();
  await drawer.getByRole('button', { name: 'Save' }).click();
  await page.getByText(hook).click();
  await drawer.getByRole('button', { name: 'Send all failed again' }).click();
  await expect.poll(() => got.length, { timeout: 10_000 }).toBe(3);
  await drawer.getByText('Delivered', { exact: true }).last().waitFor();
  await drawer.getByRole('cell', { name: 'webhook.ping', exact: true }).click();
  await page.getByText(`webhook-id ${first?.headers['webhook-id']}`).waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  const picture = process.env.TANDEM_PICTURES;
  if (picture) await page.screenshot({ path: `${picture}/webhooks.png` });
  await page.keyboard.press('Escape');

  const another = await page.request.post(`${url}/api/v1/tickets`, { data: { title: 'Broken' } });
  expect(another.status()).toBeLessThan(300);
  await expect.poll(() => got.some((g) => g.body.includes('"ticket.created"')), { timeout: 10_000 }).toBe(true);
  expect(faults).toEqual([]);
});

test('the list reads in Chinese and in the dark', async () => {
  const other = await visitor(browser, { dark: true, chinese: true });
  await signIn(other.page, 'admin');
  await other.page.goto(`${url}/admin/webhooks`);
  await other.page.getByText('Data warehouse').click();
  await other.page.getByRole('button', { name: '发送测试事件' }).waitFor();
  await other.page.getByRole('cell', { name: 'ticket.created', exact: true }).waitFor();
  expect(await seriousFaults(other.page)).toEqual([]);
  const picture = process.env.TANDEM_PICTURES;
  if (picture) await other.page.screenshot({ path: `${picture}/webhooks-zh.png` });
  expect(other.faults).toEqual([]);
  await other.context.close();
});
