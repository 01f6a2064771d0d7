import { expect, test } from 'vitest';
import { faults } from './Form';
import { pieces } from './links';

test('only addresses of the web, of mail and of telephones become links', () => {
  const hrefs = (text: string) => pieces(text).flatMap((p) => (p.href ? [p.href] : []));
  expect(hrefs('see https://example.test/a?b=1, or http://example.test.')).toEqual([
    'https://example.test/a?b=1',
    'http://example.test/',
  ]);
  expect(hrefs('mailto:a@example.test tel:+4930123')).toEqual(['mailto:a@example.test', 'tel:+4930123']);
  for (const text of [
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:x',
    'file:///etc/passwd',
    '<a href="javascript:alert(1)">x</a>',
    'blob:https',
  ])
    expect(hrefs(text)).toEqual([]);
  for (const text of ['a https://example.test b', '', 'no link', '"https://x.test"onclick="y"'])
    expect(
      pieces(text)
        .map((p) => p.text)
        .join(''),
    ).toBe(text);
});

test('a form says what is missing, and what is no address', () => {
  const fields = [
    { name: 'a', kind: 'text', required: true },
    { name: 'b', kind: 'email' },
  ];
  const t = { required: 'required', email: 'email' };
  expect(faults(fields, {}, t)).toEqual({ a: 'required' });
  expect(faults(fields, { a: ' ', b: 'x' }, t)).toEqual({ a: 'required', b: 'email' });
  expect(faults(fields, { a: 'x', b: 'x@y.test' }, t)).toEqual({});
});
