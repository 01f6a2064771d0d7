import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import {
  type APIRequestContext,
  type APIResponse,
  type Browser,
  type BrowserContext,
  chromium,
  type Frame,
  type Page,
} from 'playwright-core';
import { vi } from 'vitest';

/** The server under test; scripts/with-server.sh starts one and says where it is. */
export const url = (process.env.TANDEM_URL ?? 'http://127.0.0.1:8080').replace(/\/$/, '');
const password = 'demo-demo';

/** Starts Chromium with a microphone that hears a tone of so many hertz, over and over. */
export async function startBrowser(tone = 440): Promise<{ browser: Browser; stop: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-e2e-'));
  const file = join(folder, 'tone.wav');
  writeFileSync(file, sine(tone, 4));
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--autoplay-policy=no-user-gesture-required',
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
      `--use-file-for-fake-audio-capture=${file}`,
    ],
  });
  const stop = async () => {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { browser, stop };
}

function sine(hertz: number, seconds: number): Buffer {
  const rate = 48_000;
  const samples = rate * seconds;
  const wav = Buffer.alloc(44 + samples * 2);
  wav.write('RIFF', 0);
  wav.writeUInt32LE(36 + samples * 2, 4);
  wav.write('WAVEfmt ', 8);
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(rate, 24);
  wav.writeUInt32LE(rate * 2, 28);
  wav.writeUInt16LE(2, 32);
  wav.writeUInt16LE(16, 34);
  wav.write('data', 36);
  wav.writeUInt32LE(samples * 2, 40);
  for (let i = 0; i < samples; i++) {
    wav.writeInt16LE(Math.round(12_000 * Math.sin((2 * Math.PI * hertz * i) / rate)), 44 + i * 2);
  }
  return wav;
}

export interface Visitor {
  context: BrowserContext;
  page: Page;
  /** What the console and uncaught errors said. A refused fetch is the browser's own line and told by the screen. */
  faults: string[];
}

/** A person with a browser of their own, not signed in. Noise suppression is off: it would take a test's tone for noise. */
export async function visitor(browser: Browser, options: { dark?: boolean; chinese?: boolean } = {}): Promise<Visitor> {
  const context = await browser.newContext({
    colorScheme: options.dark ? 'dark' : 'light',
    locale: options.chinese ? 'zh-CN' : 'en-US',
    viewport: { width: 1440, height: 900 },
    permissions: ['microphone', 'notifications'],
    reducedMotion: 'reduce',
  });
  // Frames of other hosts may keep nothing here, as in any private window.
  await context.addInitScript(() => {
    if (window === window.top) localStorage.setItem('tandem.devices', JSON.stringify({ processing: false }));
  });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !/Failed to load resource.* 40[134]/.test(message.text()))
      faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(String(error)));
  return { context, page, faults };
}

/** Signs in by the form and waits for the shell. */
export async function signIn(page: Page, user: string, path = '/', at = url): Promise<void> {
  await page.goto(at + path);
  await page.locator('input[name=email]').fill(`${user}@demo.test`);
  await page.locator('input[name=password]').fill(password);
  await page.locator('button[type=submit]').click();
  await page.locator('nav[aria-label]').first().waitFor();
}

/** The requests of somebody who is signed in without a page. */
export async function signedIn(browser: Browser, user: string): Promise<APIRequestContext> {
  const { request } = await browser.newContext();
  const answer = await request.post(`${url}/api/v1/login`, { data: { email: `${user}@demo.test`, password } });
  if (!answer.ok()) throw new Error(`${user} cannot sign in: ${await answer.text()}`);
  return request;
}

/** Gives a page a device that confirms whatever it is asked for, its owner included: WebAuthn's virtual authenticator. */
export async function addDevice(page: Page): Promise<void> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
}

/** Has an agent on the desktop go online and be available, from wherever an earlier spec has left them: after a call, or available already. */
export async function goAvailable(page: Page): Promise<void> {
  const ready = async () => {
    if (await page.getByText('Ready for calls').count()) return;
    for (const action of ['wrapup-done', 'go-online', 'go-available']) {
      const button = page.locator(`[data-action=${action}]:enabled`);
      if (await button.count()) await button.click({ timeout: 1000 }).catch(() => {});
    }
    throw new Error('the agent is not available');
  };
  await vi.waitFor(ready, { timeout: 45_000, interval: 100 });
}

/**
 * Clears the desks that other specs have left: conversations would ring before a call does, whoever wraps a call up sees nothing else, and agents
 * are to go online anew.
 */
export async function clearDesks(browser: Browser): Promise<void> {
  const admin = await signedIn(browser, 'admin');
  const list = async <T>(path: string) =>
    ((await (await admin.get(`${url}/api/v1${path}`)).json()) as { items: T[] }).items;
  for (const { id, state } of await list<{ id: string; state: string }>('/conversations?limit=200')) {
    if (state === 'closed') continue;
    await done(admin.post(`${url}/api/v1/conversations/${id}/end`, { data: { reason: 'The test is over' } }));
  }
  const users = await list<{ id: string; email: string }>('/users');
  for (const { id, items } of await list<{ id: string; items: { item: string; state: string }[] }>('/agents')) {
    await done(admin.put(`${url}/api/v1/agents/${id}/presence`, { data: { presence: 'OFFLINE' } }));
    for (const { item } of items.filter((one) => one.state === 'WRAP_UP')) {
      const agent = await signedIn(browser, users.find((one) => one.id === id)?.email.split('@')[0] ?? '');
      await done(agent.put(`${url}/api/v1/calls/${item}/wrap-up`, { data: {} }));
    }
  }
}

async function done(asked: Promise<APIResponse>): Promise<void> {
  const answer = await asked;
  if (!answer.ok()) throw new Error(`${answer.url()}: ${await answer.text()}`);
}

/** What axe finds serious or critical, one line each. Colours on their way to others are no fault. */
export async function seriousFaults(page: Page): Promise<string[]> {
  await page.evaluate(async () => {
    const passing = document.getAnimations().filter((one) => one.effect?.getComputedTiming().endTime !== Infinity);
    await Promise.allSettled(passing.map((one) => one.finished));
  });
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'])
    .analyze();
  return violations
    .filter((v) => v.impact === 'serious' || v.impact === 'critical')
    .flatMap((v) =>
      v.nodes.map((n) => `${v.id}: ${n.target.join(' ')}: ${n.failureSummary?.split('\n')[1]?.trim() ?? ''}`),
    );
}

/** The strongest frequency that an audio element of the page or frame plays, in hertz; 0 for silence. */
export function heardTone(page: Page | Frame, remote: 'call' | 'alerts' = 'call'): Promise<number> {
  return page.evaluate(async (name) => {
    const stream = document.querySelector<HTMLAudioElement>(`audio[data-remote="${name}"]`)?.srcObject;
    if (!(stream instanceof MediaStream)) return 0;
    const context = new AudioContext();
    await context.resume();
    const analyser = new AnalyserNode(context, { fftSize: 32_768, smoothingTimeConstant: 0 });
    new MediaStreamAudioSourceNode(context, { mediaStream: stream }).connect(analyser);
    await new Promise((resolve) => setTimeout(resolve, 1200));
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    let best = 0;
    for (let i = 1; i < bins.length; i++) if ((bins[i] as number) > (bins[best] as number)) best = i;
    const hertz = (bins[best] as number) > -70 ? (best * context.sampleRate) / analyser.fftSize : 0;
    await context.close();
    return hertz;
  }, remote);
}
