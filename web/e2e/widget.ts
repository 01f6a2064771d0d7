import { createHmac } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import type { APIRequestContext, Frame, Page } from 'playwright-core';
import { url } from './browser';

// What specs with a customer on a page with the widget share.

/** The widget's interface on the page around it. */
export type Tandem = { Tandem: (call: string, ...args: unknown[]) => unknown };

/** The button on the page around the widget. */
export const launcher = (page: Page) => page.getByRole('button', { name: /^(Open|Close) chat|^(打开|关闭)聊天/ });

export async function frameOf(page: Page): Promise<Frame> {
  const handle = await page.locator('[data-tandem] iframe').elementHandle();
  const frame = await handle?.contentFrame();
  if (!frame) throw new Error('the widget has no frame');
  return frame;
}

/** Opens the widget, agrees to what is stored, and waits until one can write. */
export async function openWidget(page: Page): Promise<Frame> {
  await launcher(page).click();
  const frame = await frameOf(page);
  const agree = frame.locator('[data-action=agree]');
  await frame.locator('[data-action=agree], textarea').first().waitFor();
  if (await agree.count()) await agree.click();
  await frame.locator('textarea').waitFor();
  await frame.locator('[data-link=online]').waitFor({ state: 'attached' });
  return frame;
}

export const write = async (frame: Frame, text: string) => {
  await frame.locator('textarea').fill(text);
  await frame.locator('textarea').press('Enter');
};

/** A new secret of the demo's widget, by which a site signs who its customers are. */
export async function newSecret(admin: APIRequestContext): Promise<string> {
  const id = await demoWidget(admin);
  const made = await admin.post(`${url}/api/v1/channels/${id}/widget/secret`);
  if (!made.ok()) throw new Error(`no secret was made: ${await made.text()}`);
  return ((await made.json()) as { secret: string }).secret;
}

/** The id of the demo's widget account. */
export async function demoWidget(admin: APIRequestContext): Promise<string> {
  const { items } = (await (await admin.get(`${url}/api/v1/channels`)).json()) as {
    items: { id: string; channel: string; name: string }[];
  };
  return items.find((a) => a.channel === 'web' && a.name === 'demo')?.id ?? '';
}

/** Who a customer is, as the site's server vouches for them. */
export const sign = (secret: string, id: string, name = 'Rosa Lindqvist') => ({
  id,
  signature: createHmac('sha256', secret).update(id).digest('hex'),
  name,
});

/** A grey picture. */
export function png(size: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(crc(body), body.length + 4);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(size, 0);
  head.writeUInt32BE(size, 4);
  head[8] = 8;
  const rows = Buffer.alloc(size * (size + 1), 128);
  for (let y = 0; y < size; y++) rows[y * (size + 1)] = 0;
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A film of 640 by 360 pixels and 5 s, of which only the boxes are there (chat/attach walks them, and nobody looks at it here). */
export function film(...more: Buffer[]): Buffer {
  const box = (kind: string, ...data: Buffer[]) => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(8 + Buffer.concat(data).length, 0);
    head.write(kind, 4);
    return Buffer.concat([head, ...data]);
  };
  const mvhd = Buffer.alloc(100);
  mvhd.writeUInt32BE(1000, 12);
  mvhd.writeUInt32BE(5000, 16);
  const tkhd = Buffer.alloc(84);
  tkhd.writeUInt32BE(640 << 16, 76);
  tkhd.writeUInt32BE(360 << 16, 80);
  const hdlr = Buffer.alloc(25);
  hdlr.write('vide', 8);
  const track = box('trak', box('tkhd', tkhd), box('mdia', box('hdlr', hdlr)));
  const type = box('ftyp', Buffer.from('isom\0\0\x02\0isommp41', 'latin1'));
  return Buffer.concat([type, box('moov', box('mvhd', mvhd), track), box('mdat', Buffer.alloc(64, 7)), ...more]);
}

function crc(data: Buffer): number {
  let c = 0xffffffff;
  for (const byte of data) {
    c ^= byte;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  }
  return (c ^ 0xffffffff) >>> 0;
}
