import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { APIRequestContext } from 'playwright-core';
import { expect } from 'vitest';
import { url } from './browser';

// The fake platforms (`tandem fake-channels`) on a port of their own: their customers write to the demo's accounts and get what we send.

/** What a customer has got from us. */
export interface Got {
  id: string;
  kind: string;
  text?: string;
  files?: { kind: string; name?: string; bytes: number }[];
  quote?: string;
  reaction?: string;
  to?: string;
  edited?: boolean;
  unsent?: boolean;
}

export interface Stage {
  /** Has somebody do something: docs/demo.md lists what. */
  play: (channel: string, what: string, act: object) => Promise<string>;
  /** What a customer has got so far. */
  got: (channel: string, customer: string) => Promise<Got[]>;
  stop: () => Promise<void>;
}

const binary = process.env.TANDEM_BIN ?? resolve(import.meta.dirname, '../../bin/tandem');

/** Starts the fakes and has the demo's accounts talk to them. */
export async function startStage(admin: APIRequestContext): Promise<Stage> {
  const options = ['fake-channels', '--addr', '127.0.0.1:0', '--tandem', url];
  const fakes = spawn(binary, options, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [told] = (await once(fakes.stdout, 'data')) as [Buffer];
  const at = /http:\/\/[^/]+/.exec(String(told))?.[0] ?? '';
  const { items } = (await (await admin.get(`${url}/api/v1/channels`)).json()) as {
    items: { id: string; channel: string; name: string }[];
  };
  for (const one of items.filter((a) => a.name === 'demo' && a.channel !== 'web')) {
    const data = { settings: { base_url: `${at}/${one.channel}` } };
    expect((await admin.patch(`${url}/api/v1/channels/${one.id}`, { data })).status()).toBe(200);
  }
  return {
    async play(channel, what, act) {
      const response = await fetch(`${at}/play/${channel}/${what}`, { method: 'POST', body: JSON.stringify(act) });
      expect(response.status, await response.clone().text()).toBe(200);
      return ((await response.json()) as { id: string }).id;
    },
    async got(channel, customer) {
      const response = await fetch(`${at}/play/${channel}/received?${new URLSearchParams({ customer })}`);
      return ((await response.json()) as { items: Got[] }).items;
    },
    async stop() {
      fakes.kill();
      await once(fakes, 'exit');
    },
  };
}
