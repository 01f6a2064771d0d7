import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import en from '../src/i18n/en/reports.json';
import zh from '../src/i18n/zh/reports.json';
import { everything } from '../src/reports/metrics';
import { seriousFaults, signIn, startBrowser, url, type Visitor, visitor } from './browser';

let browser: Browser;
let stop: () => Promise<void>;

beforeAll(async () => {
  ({ browser, stop } = await startBrowser());
});
afterAll(() => stop());

const zeros = Object.fromEntries(everything.queues.map((name) => [name, 0]));
const row = (hour: number, queue: string, offered: number, handled: number) => ({
  ...zeros,
  start: `2026-06-03T${String(hour).padStart(2, '0')}:00:00+02:00`,
  queue_id: queue === '' ? '00000000-0000-0000-0000-000000000000' : '00000000-0000-7000-8000-000000000001',
  queue,
  offered,
  handled,
  abandoned: offered - handled,
  talk_seconds: handled * 200,
  ...(offered && { service_level_of_offered: handled / offered, abandon_rate: 1 - handled / offered }),
});
const hours = [row(9, 'Support', 40, 30), row(10, 'Support', 60, 54), row(10, '', 0, 0)];
const filled = {
  from: '2026-06-03T00:00:00+02:00',
  to: '2026-06-04T00:00:00+02:00',
  zone: 'Europe/Berlin',
  interval: '1h',
  items: hours,
  totals: {
    ...zeros,
    enquiries: 21,
    average_first_response_seconds: 95,
    csat: 0.875,
    offered: 100,
    handled: 84,
    abandoned: 16,
    talk_seconds: 16_800,
    service_level_of_offered: 0.84,
  },
};

const answer = (page: Page, body: object, status = 200) =>
  page.route('**/api/v1/reports/queues?*', (route) =>
    route.fulfill({
      status,
      contentType: status === 200 ? 'application/json' : 'application/problem+json',
      json: body,
    }),
  );

/** The rows below the head, as people read them. */
const cells = (page: Page, selector: string) =>
  page
    .locator(`table ${selector} tr`)
    .evaluateAll((rows) => rows.map((r) => [...r.children].map((c) => c.textContent)));

describe.each([
  ['light, English', { dark: false, chinese: false }],
  ['dark, Chinese', { dark: true, chinese: true }],
])('reports, %s', (_name, look) => {
  let person: Visitor;
  beforeAll(async () => {
    person = await visitor(browser, look);
    await signIn(person.page, 'admin');
  });
  afterAll(() => person.context.close());

  test.each(['queues', 'agents'])('%s: what the server has, with nothing wrong', async (tab) => {
    const { page, faults } = person;
    faults.length = 0;
    await page.goto(`${url}/reports?tab=${tab}`);
    await page.locator('table').waitFor();
    await page.waitForFunction(() => !document.querySelector('[aria-busy=true], .mantine-Skeleton-root'));
    expect(await page.locator('[role=alert]').count()).toBe(0);
    expect(await seriousFaults(page)).toEqual([]);
    expect(faults).toEqual([]);
  });

  test('a filled report: rows, totals, chart, and what a column means', async () => {
    const { page, faults } = person;
    faults.length = 0;
    await answer(page, filled);
    await page.goto(`${url}/reports`);
    await page.locator('tfoot').waitFor();
    await page.locator('[role=img] svg').waitFor();
    expect((await cells(page, 'tbody')).length).toBe(3);
    expect((await cells(page, 'tfoot'))[0]?.[1]).toBe('100');
    expect(await seriousFaults(page)).toEqual([]);
    if (!look.chinese) {
      await page.getByRole('button', { name: en.queueMetrics.service_level_of_offered.name }).focus();
      await page.getByRole('tooltip', { name: en.queueMetrics.service_level_of_offered.means }).waitFor();
      expect(await page.getByText(en.noQueue, { exact: true }).count()).toBe(1);
    }
    // The columns about conversations: first the name, then enquiries; times as clocks, shares in percent.
    await page.getByText(look.chinese ? zh.conversations : en.conversations, { exact: true }).click();
    await page
      .locator('thead')
      .getByText((look.chinese ? zh : en).queueMetrics.csat.name, { exact: true })
      .waitFor();
    const totals = (await cells(page, 'tfoot'))[0] ?? [];
    expect(totals[1]).toBe('21');
    expect(totals).toContain('1:35');
    expect(totals).toContain('87.5%');
    expect(await seriousFaults(page)).toEqual([]);
    expect(faults).toEqual([]);
    await page.unroute('**/api/v1/reports/queues?*');
  });
});

test('a period of one’s own: it is asked for, also as CSV', async () => {
  const { page, context } = await visitor(browser);
  await signIn(page, 'supervisor', '/reports');
  const from = page.locator('input[type=date]').first();
  await from.waitFor();
  const asked = page.waitForRequest((r) => /reports\/queues\?.*from=2026-05-01/.test(r.url()));
  asked.catch(() => undefined); // told below
  await from.fill('2026-05-01');
  await asked;
  const link = new URL((await page.getByRole('link', { name: en.csv }).getAttribute('href')) ?? '', url);
  expect(link.searchParams.get('from')).toBe('2026-05-01');
  const csv = await page.request.get(link.href);
  expect(csv.status()).toBe(200);
  expect(csv.headers()['content-type']).toContain('text/csv');
  expect((await csv.text()).startsWith('start,queue_id,queue,offered,handled,')).toBe(true);
  await context.close();
});

test('an error is told and can be tried again; who may not read reports finds none', async () => {
  const { page, context } = await visitor(browser);
  await signIn(page, 'admin');
  await answer(page, { title: 'x', status: 503, code: 'busy', detail: 'Too much at once.' }, 503);
  await page.goto(`${url}/reports`);
  await page.locator('[role=alert]').waitFor({ timeout: 30_000 });
  await page.unroute('**/api/v1/reports/queues?*');
  await answer(page, filled);
  await page.locator('[role=alert] button').click();
  await page.locator('tfoot').waitFor();
  await context.close();

  const agent = await visitor(browser);
  await signIn(agent.page, 'agent2');
  expect(await agent.page.locator('nav a', { hasText: 'Reports' }).count()).toBe(0);
  await agent.context.close();
});
