import { expect, test } from 'vitest';
import { parametersOf, textOf } from './botParameters';

test('parameters are read as they are written', () => {
  expect(parametersOf('')).toEqual({});
  expect(parametersOf(' tone = friendly\n\nurl=https://a?b=c')).toEqual({ tone: 'friendly', url: 'https://a?b=c' });
  expect(parametersOf('no value')).toBeUndefined();
  expect(parametersOf('=value')).toBeUndefined();
  expect(parametersOf('two words=value')).toBeUndefined();
  expect(parametersOf(textOf({ a: '1', 'b.c': '2=3' }))).toEqual({ a: '1', 'b.c': '2=3' });
});
