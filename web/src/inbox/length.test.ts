import { describe, expect, test } from 'vitest';
import cases from '../../../chat/sms/testdata/segments.json';
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

interface Case {
  name: string;
  text?: string;
  repeat?: { text: string; times: number }[];
  encoding: string;
  segments: number;
  left: number;
}

// The same cases as the server's count (chat/sms).
describe('segments of an SMS', () => {
  test.each(cases as Case[])('$name', ({ text = '', repeat = [], encoding, segments, left }) => {
    const whole = text + repeat.map((r) => r.text.repeat(r.times)).join('');
    expect(segmentsOf(whole)).toMatchObject({ encoding, segments, left });
  });
});
