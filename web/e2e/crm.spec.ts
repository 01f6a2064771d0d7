import { type ChildProcess, spawn } from 'node:child_process';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seriousFaults, signedIn, signIn, startBrowser, url, type Visitor, visitor } from './browser';

// An administrator connects a CRM: a fake one, which `tandem fake-crm` plays.

let browser: Browser;
let stop: () => Promise<void>;
let fake: ChildProcess;
let zendesk = '';
let seen: Visitor;
let before: object; // the connection that other specs' tickets go to

beforeAll(async () => {
  ({ browser, stop } = await startBrowser());
  const read = await (await signedIn(browser, 'admin')).get(`${url}/api/v1/crm-connection`);
  before = await read.json();
  fake = spawn(process.env['TANDEM_BIN'] ?? '../bin/tandem', ['fake-crm', '--addr', '127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  zendesk = await new Promise<string>((resolve) => {
    fake.stdout?.on('data', (text) => {
      const found = /http:\/\/[\d.:]+/.exec(String(text));
      if (found) resolve(`${found[0]}/zendesk`);
    });
  });
  seen = await visitor(browser);
  await signIn(seen.page, 'admin', '/admin/crm');
});
afterAll(async () => {
  const back = await (await signedIn(browser, 'admin')).put(`${url}/api/v1/crm-connection`, { data: before });
  expect(back.ok(), await back.text()).toBe(true);
  fake.kill();
  await stop();
});

const choose = async (page: Page, vendor: string) => {
  await page.getByRole('combobox', { name: 'System' }).click();
  await page.getByRole('option', { name: vendor }).click();
};

test('a token that is refused is said to be, a good one works', async () => {
  const { page } = seen;
  await choose(page, 'Zendesk');
  await page.getByRole('textbox', { name: 'Address', exact: true }).fill(zendesk);
  await page.getByRole('textbox', { name: "Agent's e-mail address" }).fill('agent@example.com');
  await page.getByLabel('API token').fill('guess');
  await page.getByRole('button', { name: 'Test the connection' }).click();
  await page.getByRole('alert').filter({ hasText: 'refuses the credentials' }).waitFor();
  await page.getByLabel('API token').fill('zendesk-api-token');
  await page.getByRole('button', { name: 'Test the connection' }).click();
  await page.getByText('It works').waitFor();
  expect(await page.getByText('Exactly once').count()).toBe(1);
  await page.getByRole('button', { name: 'Add a field' }).click();
  await page.getByRole('combobox', { name: 'What is written' }).click();
  await page.getByRole('option', { name: 'Number dialled' }).click();
  await page.getByRole('textbox', { name: 'Field in the CRM' }).fill('360001');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved').waitFor();
  await page.reload();
  await page.getByRole('textbox', { name: 'Field in the CRM' }).waitFor();
  expect(await page.getByRole('textbox', { name: 'Address', exact: true }).inputValue()).toBe(zendesk);
  expect(await page.getByLabel('API token').inputValue()).toBe('');
  expect(await seriousFaults(page)).toEqual([]);
});

test('access is given at the CRM, and the browser comes back', async () => {
  // The CRM leads back to the public address, which is localhost unless it is set.
  const v = await visitor(browser, { dark: true });
  const { page } = v;
  await signIn(page, 'admin', '/admin/crm', url.replace('127.0.0.1', 'localhost'));
  await page.getByRole('textbox', { name: 'OAuth client', exact: true }).fill('tandem');
  await page.getByLabel("OAuth client's secret").fill('zendesk-client-secret');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('button', { name: 'Sign in to Zendesk' }).click();
  await page.getByText('The CRM has given access.').waitFor();
  await page.getByText('Access given').waitFor();
  await page.getByRole('button', { name: 'Test the connection' }).click();
  await page.getByText('It works').waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  // What the CRM sent is good once.
  await page.goto(`${page.url().split('/admin')[0]}/api/v1/crm-connection/callback?code=code-1&state=guess`);
  await page.getByText('is not yours, is over').waitFor();
});

test('in Chinese', async () => {
  const { page } = await visitor(browser, { chinese: true });
  await signIn(page, 'admin', '/admin/crm');
  await page.getByText('运行状况').waitFor();
  expect(await seriousFaults(page)).toEqual([]);
});
