import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { APIRequestContext, Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clearDesks, seriousFaults, signedIn, signIn, startBrowser, url, type Visitor, visitor } from './browser';

// Ben chooses what he takes calls on: a SIP telephone that he sets up himself, then his mobile, then the page again.

let browser: Browser;
let stop: () => Promise<void>;
let ben: Visitor;
let admin: APIRequestContext;
let before: ReturnType<typeof rules>;

beforeAll(async () => {
  ({ browser, stop } = await startBrowser());
  await clearDesks(browser);
  admin = await signedIn(browser, 'admin');
  const { used: _, known_countries: __, ...kept } = await (await admin.get(`${url}/api/v1/outbound-rules`)).json();
  before = kept;
  ben = await visitor(browser);
  await signIn(ben.page, 'agent2');
});
afterAll(async () => {
  await ben.page.request.put(`${url}/api/v1/me/device`, { data: { kind: 'browser' } });
  await admin.put(`${url}/api/v1/outbound-rules`, { data: before });
  await stop();
});

const rules = (countries: string[]) => ({
  country: 'DE',
  countries,
  special: false,
  allowed: [],
  blocked: [],
  internal_digits: 0,
  calls_per_second: 0,
  max_calls: 0,
  minutes_per_day: 0,
  spend_per_day: 0,
  rates: [],
});

/** Registers a telephone for a minute, as RFC 3261 and 7616 have it, and says what it was answered. */
async function register(user: string, secret: string): Promise<number> {
  const [host, port] = (process.env.TANDEM_SIP ?? '127.0.0.1:5060').split(':') as [string, string];
  const socket = createSocket('udp4');
  await new Promise<void>((bound) => socket.bind(0, '127.0.0.1', bound));
  const ask = (seq: number, authorization = '') =>
    new Promise<string>((answered) => {
      socket.once('message', (message) => answered(String(message)));
      const at = `127.0.0.1:${socket.address().port}`;
      const lines = [
        'REGISTER sip:tandem SIP/2.0',
        `Via: SIP/2.0/UDP ${at};branch=z9hG4bK${user}${seq};rport`,
        `From: <sip:${user}@tandem>;tag=t1`,
        `To: <sip:${user}@tandem>`,
        `Call-ID: ${user}-${at}`,
        `CSeq: ${seq} REGISTER`,
        `Contact: <sip:${user}@${at}>`,
        'Max-Forwards: 70',
        'Expires: 60',
        'User-Agent: Deskphone D785 10.1',
        ...(authorization ? [authorization] : []),
        'Content-Length: 0',
      ];
      socket.send(`${lines.join('\r\n')}\r\n\r\n`, Number(port), host);
    });
  const challenge = await ask(1);
  const nonce = /nonce="([^"]+)"/.exec(challenge)?.[1] ?? '';
  const hash = (text: string) => createHash('sha256').update(text).digest('hex');
  const proof = hash(`${hash(`${user}:tandem:${secret}`)}:${nonce}:00000001:abc:auth:${hash('REGISTER:sip:tandem')}`);
  const answer = await ask(
    2,
    `Authorization: Digest username="${user}", realm="tandem", nonce="${nonce}", uri="sip:tandem", algorithm=SHA-256, qop=auth, nc=00000001, cnonce="abc", response="${proof}"`,
  );
  socket.close();
  return Number(answer.split(' ')[1]);
}

test('a SIP telephone: its secret is shown once, and the desktop says whether it is there', async () => {
  const { page } = ben;
  await page.goto(`${url}/device`);
  await page.getByRole('radio', { name: 'A SIP telephone' }).check();
  await page.locator('[data-action=make-secret]').click();
  const again = page.getByRole('dialog').getByRole('button', { name: 'New secret' });
  await Promise.race([again.click().catch(() => undefined), page.locator('pre, code').last().waitFor()]);
  const settings = page.getByRole('table', { name: 'Enter this in the telephone' });
  const user = (await settings.getByRole('row', { name: 'User name' }).locator('code').textContent()) ?? '';
  const secret = ((await page.getByRole('status').locator('pre').textContent()) ?? '').trim();
  expect(secret.length).toBeGreaterThanOrEqual(26);
  await page.getByText('Enter this in the telephone').first().waitFor();
  await page.locator('[data-action=choose-device]').click();
  await page.getByText('Saved').first().waitFor();
  await page.getByText(secret).waitFor(); // until the page is left
  expect(await seriousFaults(page)).toEqual([]);

  await page.goto(url);
  await page.getByText('Calls ring on your SIP telephone').waitFor();
  await page.getByText('Your SIP telephone is not registered').waitFor();
  expect(await register(user, secret)).toBe(200);
  await page.locator('[data-action=go-available]:enabled').click();
  await page.getByText('The next call rings on your SIP telephone.').waitFor();
  expect(await seriousFaults(page)).toEqual([]);

  await page.locator('[data-part=device]').getByRole('link', { name: 'Change' }).click();
  await page.getByRole('cell', { name: 'Deskphone D785 10.1' }).waitFor();
  expect(await page.getByText(secret).count()).toBe(0);
  expect(ben.faults).toEqual([]);
});

test('a telephone number: what the outbound rules refuse is said, and the page comes back', async () => {
  const { page } = ben;
  await page.goto(`${url}/device`);
  expect((await admin.put(`${url}/api/v1/outbound-rules`, { data: rules([]) })).ok()).toBe(true);
  await page.getByRole('radio', { name: 'A telephone number' }).check();
  const number = page.getByRole('textbox', { name: 'Telephone number' });
  await number.fill('+882 13 000001');
  await page.locator('[data-action=choose-device]').click();
  await page.getByRole('alert').getByText('Calls to that country are not allowed.').waitFor();
  expect((await admin.put(`${url}/api/v1/outbound-rules`, { data: rules(['DE']) })).ok()).toBe(true);
  await number.fill('+49 151 23456789');
  await page.locator('[data-action=choose-device]').click();
  await expect.poll(() => number.inputValue()).toBe('+4915123456789');
  expect(await seriousFaults(page)).toEqual([]);
  await page.goto(url);
  await page.getByText('Calls ring on your telephone').waitFor();
  expect(await page.locator('[data-action=go-online]').count()).toBe(0);

  await page.goto(`${url}/device`);
  await page.getByRole('radio', { name: 'The browser' }).check();
  const saved = page.waitForResponse((answer) => answer.url().endsWith('/me/device') && answer.ok());
  await page.locator('[data-action=choose-device]').click();
  await saved;
  await page.goto(url);
  await page.getByText('Calls ring on this page').waitFor();
  await page.locator('[data-action=go-online]').waitFor();
});

test('an administrator sees and changes what an agent takes calls on', async () => {
  const { page, faults } = await visitor(browser, { dark: true });
  await signIn(page, 'admin', '/admin/agents');
  await page.getByRole('columnheader', { name: 'Name' }).getByRole('button').click();
  await page.getByText('Ben Agent').click();
  await page.getByRole('radio', { name: 'A SIP address' }).check();
  await page.getByLabel('SIP address', { exact: true }).fill('sip:desk@127.0.0.1:15099');
  await page.locator('[data-action=choose-device]').click();
  await page.getByText('Saved').first().waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.getByRole('cell', { name: 'sip:desk@127.0.0.1:15099' }).waitFor();

  // Ben chooses otherwise while his form is open here, which keeps it.
  await page.getByText('Ben Agent').click();
  await page.getByRole('radio', { name: 'A SIP address' }).waitFor();
  await ben.page.request.put(`${url}/api/v1/me/device`, { data: { kind: 'number', number: '+4915123456789' } });
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.getByRole('cell', { name: '+4915123456789' }).waitFor();
  expect(faults).toEqual([]);
});
