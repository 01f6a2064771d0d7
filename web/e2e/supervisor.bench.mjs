// How the supervisor's list bears 1,000 connected calls of which 25 change twice a second. The server's frames are made here, so that only the
// page is measured: scripts/with-server.sh node web/e2e/supervisor.bench.mjs
import { chromium } from 'playwright-core';

const CALLS = 1000;
const CHANGED = 25;
const SECONDS = 20;
const url = process.env.TANDEM_URL ?? 'http://127.0.0.1:8080';

const started = Date.now();
const states = ['talking', 'talking', 'talking', 'held'];
const call = (n, round) => ({
  call_id: `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`,
  direction: 'inbound',
  state: states[(n + round) % 4],
  state_at: new Date(started).toISOString(),
  number: '1001',
  caller: { number: `+4930${100_000 + n}`, name: '', withheld: false },
  transport: 'udp',
  language: 'en',
  started_at: new Date(started - n * 900).toISOString(),
  connected_at: new Date(started - n * 700).toISOString(),
  queue_id: 'q',
  queue_path: ['Main menu', 'Support'],
  agent_id: `a${n}`,
  agent_name: `Agent ${n}`,
  reserved: {},
});
const frame = (type, data, id) => JSON.stringify({ v: 1, type, ...(id && { id }), data });

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
let round = 0;
let timer;
await page.routeWebSocket(/\/ws$/, (ws) => {
  ws.onMessage((message) => {
    const { id, type, data } = JSON.parse(String(message));
    if (type === 'hello') ws.send(frame('welcome', { session: 's', resume: 'r', call: null, offer: null }, id));
    if (type === 'ping') ws.send(frame('pong', null, id));
    if (type !== 'live.subscribe') return;
    const rows = data.list === 'calls' ? Array.from({ length: CALLS }, (_, n) => call(n, 0)) : [];
    for (let from = 0; from === 0 || from < rows.length; from += 200) {
      const more = from + 200 < rows.length;
      ws.send(frame('live', { list: data.list, reset: from === 0, more, rows: rows.slice(from, from + 200) }));
    }
    if (data.list !== 'calls') return;
    clearInterval(timer);
    timer = setInterval(() => {
      round += 1;
      // A part of those in sight is among them, wherever the list stands.
      const changed = Array.from({ length: CHANGED }, (_, n) => call((round * 7 + n * 40) % CALLS, round));
      ws.send(frame('live', { list: 'calls', rows: changed }));
    }, 500);
  });
});
await page.addInitScript(() => {
  window.longTasks = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.longTasks.push(Math.round(entry.duration));
  }).observe({ type: 'longtask', buffered: false });
});
await page.goto(`${url}/login?to=/supervisor?tab=connected`);
await page.locator('input[name=email]').fill('admin@demo.test');
await page.locator('input[name=password]').fill('demo-demo');
await page.locator('button[type=submit]').click();
await page.locator('tbody tr[data-index]').first().waitFor();
// What the page's process took of a core: the time of the wall says little on a machine that does other things as well.
const session = await browser.newBrowserCDPSession();
const busy = async () => {
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  return processInfo.filter((p) => p.type === 'renderer').reduce((sum, p) => sum + p.cpuTime, 0);
};

async function measure(name, during) {
  await page.waitForTimeout(1000);
  await page.evaluate(() => window.longTasks.splice(0));
  const [before, began] = [await busy(), performance.now()];
  await during();
  const share = ((await busy()) - before) / ((performance.now() - began) / 1000);
  const tasks = await page.evaluate(() => window.longTasks);
  const drawn = await page.locator('tbody tr[data-index]').count();
  console.log(
    `${name}: ${(share * 100).toFixed(1)} % of a core, ${tasks.length} tasks over 50 ms` +
      `${tasks.length ? ` (longest ${Math.max(...tasks)} ms)` : ''}, ${drawn} of ${CALLS} rows drawn`,
  );
}
await measure('standing', () => page.waitForTimeout(SECONDS * 1000));
await measure('scrolling', async () => {
  await page.mouse.move(700, 600);
  for (let n = 0; n < SECONDS * 10; n++) {
    await page.mouse.wheel(0, n % 100 < 50 ? 400 : -400);
    await page.waitForTimeout(100);
  }
});
clearInterval(timer);
await browser.close();
