import type { Browser } from 'playwright-core';
import { clearDesks, goAvailable, signIn, startBrowser, url, type Visitor, visitor } from './browser';

export const ANNA_TONE = 700;
export const BEN_TONE = 900;
export const CUSTOMER_TONE = 1100;

/** Two agents and a customer, each with a browser and a tone of their own. */
export interface Desks {
  anna: Visitor;
  ben: Visitor;
  customer: Visitor;
  stop: () => Promise<void>;
}

/** Anna talks with a customer from the web, and Ben is free. */
export async function annaTalks(): Promise<Desks> {
  const browsers: { browser: Browser; stop: () => Promise<void> }[] = [];
  for (const tone of [ANNA_TONE, BEN_TONE, CUSTOMER_TONE]) browsers.push(await startBrowser(tone));
  const [annas, bens, customers] = browsers.map((one) => one.browser) as [Browser, Browser, Browser];
  await clearDesks(annas);
  const anna = await visitor(annas);
  const ben = await visitor(bens, { dark: true, chinese: true });
  const customer = await visitor(customers);
  await signIn(anna.page, 'agent1');
  await goAvailable(anna.page);
  await customer.page.goto(`${url}/demo`);
  await customer.page.getByLabel('Your name').fill('Rosa Lindqvist');
  await customer.page.locator('select[name=number]').selectOption('1001');
  await customer.page.locator('[data-action=call]').click();
  await anna.page.locator('[data-action=accept]').click({ timeout: 30_000 });
  await anna.page.getByText('In the call').waitFor({ timeout: 30_000 });
  await signIn(ben.page, 'agent2');
  await ben.page.locator('[data-action=go-online]').click();
  await ben.page.locator('[data-action=go-available]:enabled').click();
  await ben.page.locator('[data-action=go-available]').waitFor({ state: 'detached' });
  return {
    anna,
    ben,
    customer,
    stop: async () => {
      for (const one of browsers) await one.stop();
    },
  };
}
