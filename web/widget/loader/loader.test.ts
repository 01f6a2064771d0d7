import { expect, test } from 'vitest';
import { inkOn } from './style';
import { matches, pick } from './trigger';

test('a trigger is for the pages of its pattern', () => {
  const page = 'https://shop.test/cart/1?step=2';
  for (const [pattern, fits] of [
    [undefined, true],
    ['', true],
    ['/cart*', true],
    ['/cart', false],
    ['*step=2', true],
    ['/cart/?', false],
    ['https://shop.test/*', true],
    ['https://*/cart/*', true],
    ['https://shop.tes*/x', false],
    ['/cart/1.step=2', false],
  ] as const)
    expect(matches(pattern, page), String(pattern)).toBe(fits);
});

test('the first language that both know is taken', () => {
  expect(pick(['en', 'zh'], ['fr-FR', 'zh-CN', 'en'])).toBe('zh');
  expect(pick(['zh', 'en'], ['fr'])).toBe('zh');
  expect(pick([], [])).toBe('en');
});

test('what is written on a colour can be read', () => {
  expect([inkOn('#000000'), inkOn('#ffffff'), inkOn('#ffd400'), inkOn('#2f6f4f')]).toEqual([
    '#fff',
    '#000',
    '#000',
    '#fff',
  ]);
});
