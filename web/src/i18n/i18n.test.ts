import { describe, expect, test } from 'vitest';

const files = import.meta.glob<Record<string, unknown>>('./{en,zh}/*.json', { eager: true, import: 'default' });

function flat(texts: Record<string, unknown>, prefix = ''): Map<string, string> {
  const all = new Map<string, string>();
  for (const [key, value] of Object.entries(texts)) {
    if (typeof value === 'string') all.set(prefix + key, value);
    else for (const [k, v] of flat(value as Record<string, unknown>, `${prefix}${key}.`)) all.set(k, v);
  }
  return all;
}

// Chinese has one plural form: _one is English's alone.
const keys = (texts: Map<string, string>) => [...texts.keys()].filter((k) => !k.endsWith('_one')).sort();
const placeholders = (text: string) => (text.match(/\{\{\w+\}\}/g) ?? []).sort();
const HALF_WIDTH = /\p{Script=Han} ?[,:;!?()]|\p{Script=Han}\.|[,:;!?()] ?\p{Script=Han}/u;
const names = Object.keys(files).flatMap((path) => (path.startsWith('./en/') ? [path.slice(5)] : []));

describe.each(names)('%s', (name) => {
  const en = flat(files[`./en/${name}`] ?? {});
  const zh = flat(files[`./zh/${name}`] ?? {});

  test('has every text in both languages', () => expect(keys(zh)).toEqual(keys(en)));

  test('fills in the same values', () => {
    for (const [key, text] of zh) expect([key, placeholders(text)]).toEqual([key, placeholders(en.get(key) ?? '')]);
  });

  test('has the punctuation of Chinese and one word for agents', () => {
    for (const [key, text] of zh) {
      const said = text.replace(/https?:\/\/\S+/g, '');
      expect([key, said.match(HALF_WIDTH)?.[0] ?? said.match(/[坐座]席/)?.[0]]).toEqual([key, undefined]);
    }
  });

  test('has no empty text', () => {
    for (const [key, text] of [...en, ...zh]) expect([key, text.trim()]).not.toEqual([key, '']);
  });
});
