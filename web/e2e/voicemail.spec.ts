import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seriousFaults, signIn, startBrowser, url, type Visitor, visitor } from './browser';
import { tone } from './sipp';

// SIPp leaves a message at the night desk; an agent listens to it and is done with it.

const sip = process.env.TANDEM_SIP ?? '127.0.0.1:5060';

let browser: Browser;
let stop: () => Promise<void>;
let agent: Visitor;

beforeAll(async () => {
  ({ browser, stop } = await startBrowser());
  agent = await visitor(browser);
  await signIn(agent.page, 'agent2');
});
afterAll(() => stop());

async function leaveMessage(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-sipp-'));
  writeFileSync(join(folder, 'tone.alaw'), tone());
  try {
    const scenario = resolve(import.meta.dirname, 'voicemail.xml');
    const options = ['-sf', scenario, '-i', '127.0.0.1', '-s', '1002', '-m', '1', '-nostdin', '-timeout', '60s', sip];
    await promisify(execFile)('sipp', options, { cwd: folder, env: { ...process.env, TERM: 'dumb' } });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('the message appears, plays with its waveform, and is handled', { timeout: 180_000 }, async () => {
  const { page } = agent;
  await page.goto(`${url}/voicemails`);
  await page.getByText('No messages').or(page.getByRole('table')).first().waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await leaveMessage();
  const row = page.getByRole('row', { name: /Nora Nachtigall/ }).first(); // pushed, without a reload
  await row.waitFor({ timeout: 30_000 });
  await page.locator('[data-unread]').waitFor();
  await row.click();
  const play = page.locator('[data-action=play]');
  await play.waitFor({ timeout: 60_000 });
  expect(await seriousFaults(page)).toEqual([]);
  const audio = page.waitForResponse((r) => r.url().includes('/audio') && r.status() < 300);
  await play.click();
  expect((await audio).headers()['content-type']).toBe('audio/wav');
  await page.getByRole('dialog').getByText('After-hours deflection').waitFor();
  await page.locator('[data-action=assign]').click();
  await page.locator('[data-action=finish]').click();
  await row.waitFor({ state: 'detached' });
  await page.getByText('All', { exact: true }).click();
  await row.getByText('Done').waitFor();
  expect(agent.faults).toEqual([]);
});

test('a callback is asked for and cancelled', { timeout: 120_000 }, async () => {
  const { page } = agent;
  await page.goto(`${url}/voicemails`);
  await page.getByRole('tab', { name: 'Callbacks' }).click();
  await page.getByRole('button', { name: 'New callback' }).click();
  await page.getByRole('textbox', { name: 'Number' }).fill('+49301112233');
  await page.getByRole('combobox', { name: 'Queue' }).click();
  await page.getByRole('option', { name: 'Support' }).click();
  await page.getByRole('button', { name: 'Save' }).click();
  const row = page.getByRole('row', { name: /\+49301112233/ });
  await row.waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await row.getByRole('button', { name: 'Cancel it' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel it' }).click();
  await row.waitFor({ state: 'detached' });
  expect(agent.faults).toEqual([]);
});
