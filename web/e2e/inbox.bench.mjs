// How the inbox bears 10,000 open conversations, which the server's hook takes first: how soon the list is there, and whether it scrolls
// without a jerk. scripts/with-server.sh node web/e2e/inbox.bench.mjs
import { chromium } from 'playwright-core';

const CONVERSATIONS = 10_000;
const AT_ONCE = 16;
const OPENINGS = 15;
const SECONDS = 20;
const url = process.env.TANDEM_URL ?? 'http://127.0.0.1:8080';

async function write(n) {
  const from = { id: 500_000 + n, is_bot: false, first_name: 'Customer', last_name: String(n) };
  const message = { message_id: n, date: Math.floor(Date.now() / 1000), from, chat: { ...from, type: 'private' } };
  const answer = await fetch(`${url}/hooks/telegram/demo`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Telegram-Bot-Api-Secret-Token': 'telegram-secret' },
    body: JSON.stringify({ update_id: n, message: { ...message, text: `Where is my order ${n}?` } }),
  });
  if (!answer.ok) throw new Error(`the hook answers ${answer.status}`);
}

let next = 1;
const writer = async () => {
  while (next <= CONVERSATIONS) await write(next++);
};
await Promise.all(Array.from({ length: AT_ONCE }, writer));

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
// From the press of the mouse, or the start of the document, until the first row is drawn.
await page.addInitScript(() => {
  window.longTasks = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.longTasks.push(Math.round(entry.duration));
  }).observe({ type: 'longtask', buffered: false });
  window.opened = (start) =>
    new Promise((done) => {
      const look = () => {
        if (!document.querySelector('ul[data-rows] button')) return requestAnimationFrame(look);
        performance.mark('rows');
        done(performance.measure('opened', { start, end: 'rows' }).duration);
      };
      look();
    });
});
await page.goto(`${url}/login`);
await page.locator('input[name=email]').fill('admin@demo.test');
await page.locator('input[name=password]').fill('demo-demo');
await page.locator('button[type=submit]').click();
await page.locator('nav[aria-label]').first().waitFor();
const all = async () => (await (await page.request.get(`${url}/api/v1/conversations/counts`)).json()).all;
while ((await all()) < CONVERSATIONS) await page.waitForTimeout(500);

const sorted = (times) => times.toSorted((a, b) => a - b).map((t) => Math.round(t));
const told = (times) => {
  const t = sorted(times);
  return `${t[Math.floor(t.length / 2)]} ms (median), ${t.at(-1)} ms (longest of ${t.length})`;
};

const loads = [];
const clicks = [];
for (let n = 0; n < OPENINGS; n++) {
  await page.goto(`${url}/?part=inbox&view=all`);
  loads.push(await page.evaluate(() => window.opened(0)));
  // Another view, and back: what was kept of the list is thrown away by a load.
  await page.goto(`${url}/?part=inbox&view=mentions`);
  const link = page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: /^All/ });
  await link.waitFor();
  clicks.push(
    await link.evaluate((element) => {
      performance.mark('pressed');
      element.click();
      return window.opened('pressed');
    }),
  );
}
console.log(`the list of ${CONVERSATIONS} by a click: ${told(clicks)}`);
console.log(`the whole page, from the start of the document: ${told(loads)}`);

await page.mouse.move(520, 500);
await page.waitForTimeout(1000);
await page.evaluate(() => window.longTasks.splice(0));
for (let n = 0; n < SECONDS * 20; n++) {
  await page.mouse.wheel(0, n < SECONDS * 16 ? 700 : -700);
  await page.waitForTimeout(50);
}
const tasks = await page.evaluate(() => window.longTasks);
const drawn = page.locator('ul[data-rows] button');
const deepest = await drawn.last().getAttribute('data-index');
const longest = tasks.length ? ` (longest ${Math.max(...tasks)} ms)` : '';
console.log(
  `scrolling for ${SECONDS} s: ${tasks.length} tasks over 50 ms${longest}, ${await drawn.count()} rows drawn, at row ${deepest}`,
);
await browser.close();
