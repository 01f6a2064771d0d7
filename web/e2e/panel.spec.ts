import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { APIRequestContext, Browser, FrameLocator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clearDesks, seriousFaults, signedIn, startBrowser, url, type Visitor, visitor } from './browser';

// The agent panel in a frame of a CRM's page, which is on another host.

interface Said {
  tandem: number;
  type: string;
  call_id?: string;
  signed_in?: boolean;
  presence?: string;
}

let browser: Browser;
let stop: () => Promise<void>;
let admin: APIRequestContext;
let tenant = '';
let listed: Site;
let stranger: Site;
let agent: Visitor;

interface Site {
  origin: string;
  close: () => void;
}

/** A page with the panel in it, as docs/panel.md tells to make one. */
function serveHost(panel: string): Promise<Site> {
  const server: Server = createServer((_, answer) => {
    answer.setHeader('Content-Type', 'text/html; charset=utf-8');
    answer.end(`<!doctype html><html lang="en"><head><title>CRM</title></head><body><h1>A customer</h1>
      <iframe id="tandem" title="Telephone" src="${url}/panel/${panel}" allow="microphone; autoplay" width="380" height="680"></iframe>
      <script>
        const frame = document.getElementById('tandem');
        window.said = [];
        addEventListener('message', (event) => {
          if (event.origin === '${url}' && event.source === frame.contentWindow) said.push(event.data);
        });
        window.say = (message) => frame.contentWindow.postMessage({ tandem: 1, ...message }, '${url}');
      </script></body></html>`);
  });
  return new Promise((done) =>
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      done({ origin: `http://localhost:${port}`, close: () => server.close() });
    }),
  );
}

const said = (page: Page): Promise<Said[]> => page.evaluate(() => (window as unknown as { said: Said[] }).said);
const say = (page: Page, message: object) =>
  page.evaluate((m) => (window as unknown as { say: (m: object) => void }).say(m), message);
const panelOf = (page: Page): FrameLocator => page.frameLocator('#tandem');

beforeAll(async () => {
  ({ browser, stop } = await startBrowser());
  await clearDesks(browser);
  admin = await signedIn(browser, 'admin');
  tenant = ((await (await admin.get(`${url}/api/v1/me`)).json()) as { tenant: string }).tenant;
  [listed, stranger] = await Promise.all([serveHost(tenant), serveHost(tenant)]);
  const answer = await admin.put(`${url}/api/v1/panel-settings`, {
    data: { origins: [listed.origin], numbers: false },
  });
  expect(answer.ok()).toBe(true);
  agent = await visitor(browser);
});
afterAll(async () => {
  await admin?.put(`${url}/api/v1/panel-settings`, { data: { origins: [], numbers: false } });
  listed?.close();
  stranger?.close();
  await stop?.();
});

test('an agent signs in to the frame by a window of its own', { timeout: 60_000 }, async () => {
  const { page, context } = agent;
  await page.goto(listed.origin);
  const button = panelOf(page).locator('[data-action=sign-in]');
  await button.waitFor();
  expect((await said(page)).at(-1)).toEqual({ tandem: 1, type: 'ready', signed_in: false });
  const [popup] = await Promise.all([context.waitForEvent('page'), button.click()]);
  await popup.locator('input[name=email]').fill('agent1@demo.test');
  await popup.locator('input[name=password]').fill('demo-demo');
  await Promise.all([popup.waitForEvent('close'), popup.locator('button[type=submit]').click()]);
  await panelOf(page).locator('[data-panel=phone]').waitFor();
  await expect.poll(async () => (await said(page)).some((m) => m.type === 'ready' && m.signed_in)).toBe(true);
  const cookie = (await context.cookies(url)).find((one) => one.name === 'tandem_panel');
  expect(cookie).toMatchObject({ httpOnly: true, secure: true, sameSite: 'None' });
});

test('the page dials, and hears of the call', { timeout: 60_000 }, async () => {
  const { page } = agent;
  await expect.poll(async () => (await said(page)).some((m) => m.type === 'presence')).toBe(true);
  await say(page, { type: 'dial', number: '1003' });
  await expect
    .poll(async () => (await said(page)).some((m) => m.type === 'call.started'), { timeout: 20_000 })
    .toBe(true);
  const begun = (await said(page)).find((m) => m.type === 'call.started');
  expect(begun?.call_id).toMatch(/^[0-9a-f-]{36}$/);
  expect(begun).not.toHaveProperty('number');
  expect(await seriousFaults(page)).toEqual([]);
  await say(page, { type: 'hangup' });
  await expect
    .poll(async () => (await said(page)).find((m) => m.type === 'call.ended')?.call_id, { timeout: 20_000 })
    .toBe(begun?.call_id);
});

test('a page that is not listed has no frame, and is not heard', { timeout: 60_000 }, async () => {
  const { context } = agent;
  const other = await context.newPage();
  const refused = other.waitForEvent('console', (m) => /frame-ancestors/.test(m.text()));
  await other.goto(stranger.origin);
  await refused;
  expect(await panelOf(other).locator('[data-panel]').count()).toBe(0);

  // A window that opens the listed page reaches the frame in it, but is neither its host nor listed.
  const before = (await said(agent.page)).length;
  const [opened] = await Promise.all([
    context.waitForEvent('page'),
    other.evaluate((to) => {
      (window as unknown as { opened: Window | null }).opened = window.open(to);
    }, listed.origin),
  ]);
  await panelOf(opened).locator('[data-panel]').waitFor();
  await other.evaluate(() => {
    const frame = (window as unknown as { opened: Window }).opened.frames[0];
    frame?.postMessage({ tandem: 1, type: 'dial', number: '1003' }, '*');
    frame?.postMessage({ tandem: 1, type: 'presence.set', presence: 'AWAY' }, '*');
  });
  await say(opened, { type: 'hello' });
  await expect.poll(async () => (await said(opened)).filter((m) => m.type === 'ready').length).toBeGreaterThan(1);
  expect((await said(opened)).some((m) => m.type === 'call.started' || m.presence === 'AWAY')).toBe(false);
  expect((await said(agent.page)).length).toBeGreaterThanOrEqual(before);
});
