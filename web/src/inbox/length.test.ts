import { describe, expect, test } from 'vitest';
import { lengthIn, segmentsOf } from './length';

test.each([
  ['a', 1, 1, 1],
  ['é', 1, 2, 1],
  ['你好', 2, 6, 2],
  ['👍🏽', 2, 8, 4],
  ['', 0, 0, 0],
])('%s', (text, characters, bytes, utf16) => {
  expect(lengthIn(text, 'characters')).toBe(characters);
  expect(lengthIn(text, 'bytes')).toBe(bytes);
  expect(lengthIn(text, 'utf16')).toBe(utf16);
});

describe('segments of an SMS', () => {
  test.each([
    ['', 'GSM-7', 0, 0, 160],
    ['a'.repeat(160), 'GSM-7', 160, 1, 0],
    ['a'.repeat(161), 'GSM-7', 161, 2, 145],
    [`${'a'.repeat(152)}€${'a'.repeat(10)}`, 'GSM-7', 164, 2, 141],
    ['€'.repeat(80), 'GSM-7', 160, 1, 0],
    ['你'.repeat(70), 'UCS-2', 70, 1, 0],
    ['你'.repeat(71), 'UCS-2', 71, 2, 63],
    [`${'你'.repeat(66)}👍你你你`, 'UCS-2', 71, 2, 62],
    ['ç', 'UCS-2', 1, 1, 69],
  ])('%.12s… is %s', (text, encoding, units, segments, left) =>
    expect(segmentsOf(text)).toEqual({ encoding, units, segments, left }),
  );
});
