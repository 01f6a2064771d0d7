import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seriousFaults, signIn, startBrowser, url, type Visitor, visitor } from './browser';

let browser: Browser;
let stop: () => Promise<void>;

beforeAll(async () => {
  ({ browser, stop } = await startBrowser());
});
afterAll(() => stop());

const calendar = [
  'BEGIN:VCALENDAR',
  'BEGIN:VEVENT',
  'DTSTART;VALUE=DATE:20301225',
  'SUMMARY:Christmas',
  'END:VEVENT',
  'BEGIN:VEVENT',
  'DTSTART:20301224T120000',
  'SUMMARY:Half a day',
  'END:VEVENT',
  'END:VCALENDAR',
].join('\r\n');

describe('hours and what happens outside them', () => {
  let person: Visitor;
  beforeAll(async () => {
    person = await visitor(browser, { dark: false, chinese: false });
    await signIn(person.page, 'admin');
  });
  afterAll(() => person.context.close());

  test('holidays come from a calendar file', async () => {
    const { page } = person;
    await page.goto(`${url}/admin/hours`);
    await page.getByText('Never', { exact: true }).click();
    await page.locator('input[type=file]').setInputFiles({
      name: 'feasts.ics',
      mimeType: 'text/calendar',
      buffer: Buffer.from(calendar),
    });
    await page.getByText('1 holiday read; save to keep it. Not taken over: Half a day').waitFor();
    expect(await page.locator('input[type=date]').last().inputValue()).toBe('2030-12-25');
    expect(await seriousFaults(page)).toEqual([]);
  });

  test('the preview says what callers of the night desk meet', async () => {
    const { page } = person;
    await page.goto(`${url}/admin/queues`);
    await page.getByText('Night desk', { exact: true }).first().click();
    await page.getByRole('tab', { name: 'What happens' }).click();
    await page.locator('li[data-instead=voicemail][data-open=false]').waitFor();
    expect(await seriousFaults(page)).toEqual([]);
  });

  test('the page of a customer offers what is chosen instead of a call', async () => {
    const { page } = person;
    await page.goto(`${url}/demo`);
    await page.locator('[data-action=call]').waitFor();
    await page.selectOption('select[name=number]', '1002');
    await page.locator('[data-offering=closed] a[href="mailto:help@demo.test"]').waitFor();
    expect(await page.locator('[data-action=call]').count()).toBe(0);
    expect(await seriousFaults(page)).toEqual([]);
  });
});
