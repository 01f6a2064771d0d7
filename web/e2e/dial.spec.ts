import type { APIRequestContext, Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  clearDesks,
  goAvailable,
  heardTone,
  seriousFaults,
  signedIn,
  signIn,
  startBrowser,
  url,
  type Visitor,
  visitor,
} from './browser';
import { type Carrier, startCarrier, TONE } from './sipp';

// Anna calls customers on behalf of Support; the telephone network is SIPp.

let browser: Browser;
let stop: () => Promise<void>;
let carrier: Carrier;
let admin: APIRequestContext;
let anna: Visitor;
let support: string;
let before = ''; // where the trunk's calls went

type Row = { id: string; name: string; outbound?: string };
const list = async (path: string): Promise<Row[]> =>
  ((await (await admin.get(`${url}/api/v1${path}`)).json()) as { items: Row[] }).items;

async function setTrunk(outbound: string): Promise<void> {
  const trunk = (await list('/trunks')).find((one) => one.name === 'loopback');
  const { id, ...known } = trunk as Row;
  before ||= known.outbound ?? '';
  const put = await admin.put(`${url}/api/v1/trunks/${id}`, { data: { ...known, outbound } });
  expect(put.status(), await put.text()).toBe(200);
}

async function setOutbound(change: object): Promise<void> {
  const patched = await admin.patch(`${url}/api/v1/queues/${support}`, { data: change });
  expect(patched.status(), await patched.text()).toBe(200);
}

beforeAll(async () => {
  ({ browser, stop } = await startBrowser(700));
  await clearDesks(browser);
  carrier = await startCarrier();
  admin = await signedIn(browser, 'admin');
  await setTrunk(`127.0.0.1:${carrier.port}`);
  support = (await list('/queues')).find((one) => one.name === 'Support')?.id ?? '';
  anna = await visitor(browser);
  await signIn(anna.page, 'agent1');
}, 60_000);
afterAll(async () => {
  await setOutbound({ set: {}, reset: ['outbound'] });
  await setTrunk(before);
  await carrier.stop();
  await stop();
});

const field = (page: Page) => page.locator('[data-field=dial-number]');

test('an administrator lets the agents of a queue call', async () => {
  const { page, context } = await visitor(browser);
  await signIn(page, 'admin', '/admin/queues');
  await page.locator('[data-queue=Support]').click();
  const allowed = page.getByRole('switch', { name: 'Agents call customers' });
  await allowed.scrollIntoViewIfNeeded();
  await allowed.click({ force: true });
  await page.getByRole('switch', { name: 'Detect answering machines' }).click({ force: true });
  await page.getByRole('combobox', { name: 'Number that customers see' }).click();
  await page.getByRole('option', { name: '1001', exact: true }).click();
  expect(await seriousFaults(page)).toEqual([]);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved').waitFor();
  await context.close();
});

test('an administrator tries the trunk', async () => {
  const { page, context } = await visitor(browser);
  carrier.play('carrier.xml');
  await signIn(page, 'admin', '/admin/trunks');
  await page.getByRole('button', { name: 'Test call: loopback' }).click();
  await page.getByRole('textbox', { name: 'Number to call' }).fill('+49301234567');
  await page.locator('[data-action=test-call]').click();
  await page.getByText('The trunk works: the call was answered, and audio came.').waitFor({ timeout: 15_000 });
  await page.getByRole('row', { name: /^Rang after \d/ }).waitFor();
  await page.getByRole('row', { name: 'Codec PCMA' }).waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await context.close();
});

test('a link fills the number in and dials nothing', async () => {
  const { page } = anna;
  await goAvailable(page);
  carrier.play('carrier.xml');
  await page.goto(`${url}/?dial=+49301234567`);
  await goAvailable(page);
  await expect.poll(() => field(page).inputValue()).toBe('+49301234567');
  expect(await seriousFaults(page)).toEqual([]);
  const calls = (await (await admin.get(`${url}/api/v1/live/calls`)).json()) as { items: unknown[] };
  expect(calls.items).toEqual([]);
});

test('the agent calls, hears the customer, and wraps up', async () => {
  const { page } = anna;
  await page.getByText('They see 1001').waitFor();
  await field(page).press('Enter');
  await page.getByText('Dialling…').waitFor({ timeout: 15_000 });
  await page.getByText('In the call').waitFor({ timeout: 15_000 });
  await expect.poll(() => heardTone(page), { timeout: 15_000 }).toBeCloseTo(TONE, -1);
  await page.getByText('An answering machine, it seems').waitFor({ timeout: 15_000 }); // which speaks on and on
  await page.locator('[data-action=hangup]').click();
  await page.getByRole('region', { name: 'Wrap-up' }).getByText('+49301234567').waitFor();
  expect(await page.getByRole('alert').count()).toBe(0);
  await page.locator('[data-action=wrapup-done]').click();
  await page.getByRole('link', { name: '+49301234567' }).first().waitFor();
});

test('who was called last is called again from the list; a busy line is said in words, and wrapped up', async () => {
  const { page, faults } = anna;
  carrier.play('busy.xml');
  await page.getByRole('link', { name: '+49301234567' }).first().click();
  await page.locator('[data-action=dial]').click();
  await page.getByRole('region', { name: 'Wrap-up' }).getByText('The line is busy.').waitFor({ timeout: 15_000 });
  expect(await seriousFaults(page)).toEqual([]);
  expect(faults).toEqual([]);
  await page.locator('[data-action=wrapup-done]').click();
});

test('what may not be called is refused in words, and nobody is rung', async () => {
  const { page } = anna;
  await field(page).waitFor();
  await page.keyboard.press('Alt+KeyP');
  await page.keyboard.type('+1');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('That is no telephone number').waitFor();
});

test("a CRM's page calls by the panel in it, and hears why it may not", async () => {
  const { page } = anna;
  carrier.play('carrier.xml');
  await page.goto(`${url}/demo/panel`);
  const panel = page.frameLocator('iframe');
  const log = page.locator('pre');
  const say = (message: object) =>
    page.evaluate((m) => window.frames[0]?.postMessage({ tandem: 1, ...m }, window.location.origin), message);
  await panel.locator('[data-panel=phone]').waitFor();
  await say({ type: 'presence.set', presence: 'AVAILABLE' });
  await panel.locator('[data-field=dial-number]').fill('x'); // the button is there once there is sound
  await panel.locator('[data-action=dial]:enabled').waitFor();
  await say({ type: 'dial', number: '1003' });
  await panel.getByRole('alert').getByText('choose away or busy').waitFor();
  const sales = (await list('/queues')).find((one) => one.name === 'Sales')?.id ?? '';
  await say({ type: 'dial', number: '+49301234567', queue_id: sales });
  await log.getByText('"type":"error"').waitFor();
  await say({ type: 'dial', number: '+49301234567', queue_id: support });
  await log.getByText('"type":"call.started"').waitFor({ timeout: 20_000 });
  await say({ type: 'hangup' });
  await panel.locator('[data-action=wrapup-done]').click({ timeout: 20_000 });
});
