import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clearDesks, goAvailable, signIn, startBrowser, url, type Visitor, visitor } from './browser';
import { type Act, deliver, platforms } from './hooks';

// Whatever customers write, are called, or name their files: on every screen it is text, and nothing of it runs.

const sip = process.env.TANDEM_SIP ?? '127.0.0.1:5060';
const PATIENCE = { timeout: 30_000 };
type Channel = keyof typeof platforms;
const channels = Object.keys(platforms) as Channel[];

const payloads = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '"><svg onload=alert(1)>',
  '\'"--><body onload=alert(1)>',
  '</title></textarea><script>alert(1)</script>',
  '<a href="javascript:alert(1)">here</a>',
  '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
  '[here](javascript:alert(1))',
  'javascript:alert(1)//',
  'data:text/html,<script>alert(1)</script>',
  'https://x.test/"onmouseover="alert(1)',
  '{{constructor.constructor("alert(1)")()}}',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: that is what the customer writes
  '$t(common:save) ${alert(1)} {{name}}',
];
const picture = '<img src=x onerror=alert(1)>';
const NAME = `${picture}"><svg onload=alert(1)>`;

const acts: Act[] = [
  ...payloads.map((text) => ({ text })),
  { file: { name: `${picture}.pdf`, caption: '<svg onload=alert(1)>caption' } },
  { place: { name: `${picture}place`, address: '<svg onload=alert(1)>street' } },
  { card: { name: `${picture}card`, phone: '"><script>alert(1)</script>' } },
  { link: { title: `${picture}link`, address: 'javascript:alert(1)' } },
  { button: `${picture}button` },
];

let browser: Browser;
let stop: () => Promise<void>;
let admin: Visitor;
let agent: Visitor;
let folder: string;
let caller: ChildProcess | undefined;
const harm: string[] = [];

/** A person on whose pages everything that ran, or was kept from running, is written down. */
async function witness(user: string): Promise<Visitor> {
  const v = await visitor(browser);
  await v.page.setViewportSize({ width: 1440, height: 3600 }); // long lists draw what is in sight
  await watch(v.page);
  await signIn(v.page, user);
  return v;
}

async function watch(page: Page): Promise<void> {
  page.on('dialog', (d) => {
    harm.push(`dialog ${d.message()} at ${page.url()}`);
    void d.dismiss();
  });
  await page.exposeFunction('tandemViolation', (what: string) => harm.push(what));
  await page.addInitScript(() =>
    document.addEventListener('securitypolicyviolation', (e) =>
      (window as unknown as { tandemViolation: (what: string) => void }).tandemViolation(
        `${e.violatedDirective} ${e.blockedURI} at ${location.pathname}`,
      ),
    ),
  );
}

/** Waits until the page shows every text as it was written, and looks for elements that came of one. */
async function shows(page: Page, texts: string[]): Promise<void> {
  const missing = () =>
    page.evaluate((all) => {
      // biome-ignore lint/performance/useDomNodeTextContent: only what can be seen counts
      const shown = document.body.innerText.replace(/\s+/g, ' ');
      return all.filter((text) => !shown.includes(text));
    }, texts);
  await expect.poll(missing, PATIENCE).toEqual([]);
  const made = await page
    .locator(
      '[onerror],[onload],[onmouseover],[srcdoc],img[src="x"],a[href^="javascript:" i],a[href^="data:" i],body script:not([src])',
    )
    .evaluateAll((all) => all.map((e) => e.outerHTML.slice(0, 200)));
  expect(made).toEqual([]);
  expect(harm).toEqual([]);
}

interface Listed {
  id: string;
  channel: Channel | 'web';
  contact_id: string;
  ticket_id?: string;
  person: { id: string };
}
const found = new Map<Channel, Listed>();
const told = new Map<Channel, string[]>();

const path = (channel: Channel, rest = '') => `/api/v1/conversations/${found.get(channel)?.id}${rest}`;
const ask = (at: string) => admin.context.request.get(url + at).then((r) => r.json());
const tell = async (at: string, data: object) =>
  expect((await admin.context.request.post(url + at, { data })).ok()).toBe(true);

beforeAll(async () => {
  ({ browser, stop } = await startBrowser());
  folder = mkdtempSync(join(tmpdir(), 'tandem-xss-'));
  await clearDesks(browser);
  admin = await witness('admin');
  agent = await witness('agent1');
});
afterAll(async () => {
  caller?.kill('SIGKILL');
  await stop?.();
  rmSync(folder, { recursive: true, force: true });
});

/** The texts of an act that a request carries, as screens show them: names of files lose what no file system takes. */
function carried(act: Act, body: string): string[] {
  if (act.text !== undefined) return [act.text];
  const texts = Object.values(act).flatMap((v) => (typeof v === 'string' ? [v] : Object.values(v as object)));
  return texts
    .filter((text: string) => body.includes(JSON.stringify(text).slice(1, -1)))
    .map((text: string) => (text === act.file?.name ? text.replace(/[<>]/g, '') : text));
}

test('every platform delivers what its customers can say', async () => {
  for (const channel of channels) {
    const said: string[] = [];
    for (const act of acts) said.push(...carried(act, await deliver(channel, NAME, act)));
    told.set(channel, said);
  }
  const arrived = async () => {
    const { items } = (await ask('/api/v1/conversations?view=all&limit=100')) as { items: Listed[] };
    for (const c of items) {
      const of = channels.find((name) => name === c.channel && platforms[name].customer === c.person.id);
      if (of) found.set(of, c);
    }
    return found.size;
  };
  await expect.poll(arrived, PATIENCE).toBe(channels.length);
});

test.each(channels)('%s, in the inbox', async (channel) => {
  await admin.page.goto(`${url}/?part=inbox&view=all&c=${found.get(channel)?.id}`);
  await shows(admin.page, told.get(channel) ?? []);
});

test('chats that wait, their details and the contacts', async () => {
  const { page } = admin;
  await page.goto(`${url}/supervisor?tab=chats-queued&chat=${found.get('telegram')?.id}`);
  await page.getByRole('dialog').getByText(NAME).first().waitFor(PATIENCE);
  await shows(page, [NAME]);
  await page.goto(`${url}/contacts`);
  await shows(page, [NAME]);
  await page.goto(`${url}/contacts/${found.get('viber')?.contact_id}`);
  await shows(page, [NAME]);
});

test('the transcript of an ended chat, on its ticket', async () => {
  await tell(path('whatsapp', '/end'), { reason: payloads[1] });
  let ticket = '';
  const made = async () => {
    ticket = ((await ask(path('whatsapp'))) as Listed).ticket_id ?? '';
    return ticket;
  };
  await expect.poll(made, PATIENCE).not.toBe('');
  const { page } = admin;
  await page.goto(`${url}/tickets/${ticket}`);
  // A file that may still come has a number in its name on the ticket, before the ending.
  await shows(page, told.get('whatsapp')?.map((text) => text.replace(/\.pdf$/, '')) ?? []);
  await page.goto(`${url}/tickets`);
  await shows(page, [NAME]);
});

test('an agent is offered a chat and answers it; a supervisor looks on', async () => {
  for (const channel of channels.filter((c) => c !== 'whatsapp' && c !== 'viber'))
    await tell(path(channel, '/end'), {});
  const { page } = agent;
  await goAvailable(page);
  const offer = page.locator(`[data-offer="${found.get('viber')?.id}"]`);
  await offer.getByText(NAME).waitFor(PATIENCE);
  await shows(page, [NAME]);
  await offer.locator('[data-action=accept-chat]').click();
  await shows(page, told.get('viber') ?? []);
  await admin.page.goto(`${url}/supervisor?tab=chats-connected`);
  await admin.page.locator('[data-action=watch-chat]').first().click();
  await admin.page.locator('[data-pane]').waitFor();
  await shows(admin.page, [NAME, payloads[0] as string, `${picture}card`]);
});

test('the display name, the User-Agent and the headers of a call', async () => {
  await tell(path('viber', '/end'), {});
  const display = `${picture}<svg onload=alert(1)>`;
  const hostile = readFileSync(resolve(import.meta.dirname, 'caller.xml'), 'utf8')
    .replaceAll('Carl Caller', display)
    .replace('Max-Forwards: 70', `Max-Forwards: 70\n      User-Agent: ${payloads[0]}\n      X-Note: ${payloads[0]}`);
  writeFileSync(join(folder, 'caller.xml'), hostile);
  writeFileSync(join(folder, 'tone.alaw'), Buffer.alloc(8000, 0xd5));
  const options = [
    '-sf',
    'caller.xml',
    '-i',
    '127.0.0.1',
    '-s',
    '1001',
    '-m',
    '1',
    '-nostdin',
    '-timeout',
    '600s',
    sip,
  ];
  caller = spawn('sipp', options, { cwd: folder, env: { ...process.env, TERM: 'dumb' }, stdio: 'ignore' });
  const { page } = agent;
  await page.getByRole('button', { name: 'Accept' }).waitFor(PATIENCE);
  await shows(page, [display]);
  await page.getByRole('button', { name: 'Accept' }).click();
  await page.getByText('In the call').waitFor(PATIENCE);
  await shows(page, [display]);
  await admin.page.goto(`${url}/supervisor?tab=connected`);
  await admin.page.getByRole('table').getByText(display).first().click(PATIENCE);
  await admin.page.getByRole('dialog').waitFor();
  await shows(admin.page, [display, payloads[0] as string]);
  await page.getByRole('button', { name: 'Hang up' }).click();
  await page.getByRole('region', { name: 'Wrap-up' }).waitFor();
  await shows(page, [display]);
});

test('nothing was refused to anybody, because nothing was tried', () => {
  expect(harm).toEqual([]);
  expect([...admin.faults, ...agent.faults]).toEqual([]);
});
