import { expect, test } from 'vitest';
import { fill, textsOf } from './texts';

const paths = (value: object, at = ''): string[] =>
  Object.entries(value).flatMap(([k, v]) => (typeof v === 'object' ? paths(v as object, `${at}${k}.`) : [`${at}${k}`]));
const names = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort();

test('both languages say the same things, with the same values', () => {
  const [en, zh] = [textsOf('en'), textsOf('zh')];
  expect(paths(zh)).toEqual(paths(en));
  for (const path of paths(en)) {
    const of = (texts: object) => path.split('.').reduce((v, k) => (v as Record<string, object>)[k] as object, texts);
    expect(names(String(of(zh))), path).toEqual(names(String(of(en))));
  }
});

test('values are put in as they are', () => {
  expect(fill('{a} and {b}', { a: '{b}', b: 1 })).toBe('{b} and 1');
  expect(fill('{none}', {})).toBe('{none}');
});
