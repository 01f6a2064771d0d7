import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seriousFaults, signIn, startBrowser, url, type Visitor, visitor } from './browser';

let browser: Browser;
let stop: () => Promise<void>;

beforeAll(async () => {
  ({ browser, stop } = await startBrowser());
});
afterAll(() => stop());

const screens = [
  ['/', 'Desktop', '工作台'],
  ['/supervisor', 'Supervisor', '监控'],
  ['/supervisor?tab=connected', 'Supervisor', '监控'],
  ['/supervisor?tab=agents', 'Supervisor', '监控'],
  ['/supervisor?tab=queues', 'Supervisor', '监控'],
  ['/voicemails', 'Voicemail and callbacks', '语音留言与回电'],
  ['/reports', 'Reports', '报表'],
  ['/tickets', 'Tickets', '工单'],
  ['/contacts', 'Contacts', '联系人'],
  ['/admin/users', 'Users', '用户'],
  ['/admin/teams', 'Teams', '团队'],
  ['/admin/agents', 'Agents', '客服'],
  ['/admin/agent-groups', 'Agent groups', '客服分组'],
  ['/admin/skills', 'Skills', '技能'],
  ['/admin/presences', 'Presences', '在线状态'],
  ['/admin/bots', 'Virtual agents', '虚拟客服'],
  ['/admin/roles', 'Roles', '角色'],
  ['/admin/queues', 'Queues', '队列'],
  ['/admin/numbers', 'Numbers', '号码'],
  ['/admin/trunks', 'Trunks', '中继'],
  ['/admin/prompts', 'Prompts', '提示音'],
  ['/admin/notifications', 'Notifications', '通知'],
  ['/admin/channels', 'Channels', '渠道'],
  ['/admin/templates', 'Templates', '消息模板'],
  ['/admin/canned', 'Canned responses', '快捷回复'],
  ['/admin/widget', 'Widget', '聊天组件'],
  ['/admin/chat-settings', 'Chat settings', '会话设置'],
  ['/admin/hours', 'Opening hours', '营业时间'],
  ['/admin/recordings', 'Recordings waiting', '待送达录音'],
  ['/admin/crm', 'CRM connection', 'CRM 连接'],
  ['/admin/sla', 'Service levels', '服务级别'],
  ['/admin/webhooks', 'Webhooks', 'Webhook'],
  ['/admin/keys', 'API keys', 'API 密钥'],
  ['/admin/audit', 'Audit log', '审计日志'],
  ['/profile', 'Notifications', '通知'],
] as const;

async function settled(page: Page): Promise<void> {
  await page.locator('h1').first().waitFor({ state: 'attached' });
  await page.waitForFunction(() => !document.querySelector('[aria-busy=true], .mantine-Skeleton-root'));
}

describe.each([
  ['light, English', { dark: false, chinese: false }],
  ['dark, Chinese', { dark: true, chinese: true }],
])('signed in as administrator, %s', (_name, look) => {
  let person: Visitor;
  beforeAll(async () => {
    person = await visitor(browser, look);
    await signIn(person.page, 'admin');
  });
  afterAll(() => person.context.close());

  test.each(screens)('%s', async (path, english, chinese) => {
    const { page, faults } = person;
    faults.length = 0;
    await page.goto(url + path);
    await settled(page);
    expect(await page.locator('h1').first().textContent()).toBe(look.chinese ? chinese : english);
    expect(await page.locator('html').getAttribute('lang')).toBe(look.chinese ? 'zh-CN' : 'en');
    expect(await page.locator('[role=alert]').allTextContents()).toEqual([]);
    expect(await seriousFaults(page)).toEqual([]);
    expect(faults).toEqual([]);
  });
});

describe('signing in', () => {
  test.each([
    ['light, English', {}],
    ['dark, Chinese', { dark: true, chinese: true }],
  ])('the form, %s', async (_name, look) => {
    const { page, context, faults } = await visitor(browser, look);
    await page.goto(`${url}/tickets`);
    await page.locator('input[name=email]').fill('agent1@demo.test');
    await page.locator('input[name=password]').fill('not this one');
    await page.keyboard.press('Enter');
    await page.locator('[role=alert]').waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    expect(faults).toEqual([]);
    await page.locator('input[name=password]').fill('demo-demo');
    await page.keyboard.press('Enter');
    await page.waitForURL(`${url}/tickets`);
    await context.close();
  });

  test('an agent sees no administration, neither in the navigation nor by its address', async () => {
    const { page, context } = await visitor(browser);
    await signIn(page, 'agent2');
    await page.locator('nav[aria-label="Main navigation"]').waitFor();
    expect(await page.locator('nav[aria-label="Main navigation"] a').allTextContents()).toEqual([
      'Desktop',
      expect.stringMatching(/^Voicemail/), // and how many are unread
      'Tickets',
      'Contacts',
    ]);
    await page.goto(`${url}/admin/trunks`);
    await page.getByText('You may not see this page').waitFor();
    await context.close();
  });

  test('signing out ends it', async () => {
    const { page, context } = await visitor(browser);
    await signIn(page, 'agent2');
    await page.getByRole('button', { name: 'Your account' }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.waitForURL(`${url}/login`);
    await page.goto(`${url}/tickets`);
    await page.locator('input[name=email]').waitFor();
    await context.close();
  });
});

test('language and colours are changed in the account menu and kept', async () => {
  const { page, context } = await visitor(browser);
  await signIn(page, 'supervisor');
  await page.getByRole('button', { name: 'Your account' }).click();
  await page.getByRole('menuitem', { name: '中文' }).click();
  await page.getByRole('button', { name: '您的账号' }).click();
  await page.getByRole('menuitem', { name: '深色' }).click();
  await page.reload();
  await page.locator('html[data-mantine-color-scheme=dark][lang=zh-CN]').waitFor({ state: 'attached' });
  await context.close();
});
