import { describe, expect, test } from 'vitest';
import { bytes, clock, dateTime, initials, secondsSince, shortTime } from './format';

test.each([
  [-3, '0:00'],
  [0, '0:00'],
  [5.9, '0:05'],
  [754, '12:34'],
  [3600, '1:00:00'],
  [3723, '1:02:03'],
  [360_000, '100:00:00'],
])('clock(%f) = %s', (seconds, text) => expect(clock(seconds)).toBe(text));

describe('secondsSince', () => {
  const now = Date.parse('2026-11-21T12:00:00Z');
  test.each([
    ['2026-11-21T11:59:30Z', 30],
    ['2026-11-21T12:00:05Z', 0],
    ['nonsense', 0],
    ['0001-01-01T00:00:00Z', 0],
    ['', 0],
    [undefined, 0],
    [null, 0],
  ])('%s → %i', (time, seconds) => expect(secondsSince(time, now)).toBe(seconds));
});

test.each([
  ['Ada Lovelace', 'AL'],
  ['ada', 'AD'],
  ['Juan de la Cruz', 'JC'],
  ['王小明', '王小'],
  ['  ', '?'],
])('initials(%s) = %s', (name, text) => expect(initials(name)).toBe(text));

test('times that are none show a dash', () => {
  expect(dateTime(undefined, 'en')).toBe('–');
  expect(dateTime('0001-01-01T00:00:00Z', 'en')).toBe('–');
  expect(shortTime('x', 'zh', 0)).toBe('–');
});

test('today is shown by its time alone', () => {
  const noon = new Date(2026, 10, 21, 12, 0).getTime();
  expect(shortTime(new Date(noon).toISOString(), 'en-GB', noon)).toBe('12:00');
  expect(shortTime(new Date(noon - 48 * 3600_000).toISOString(), 'en-GB', noon)).toContain('19');
});

test.each([
  [512, '512 bytes'],
  [1500, '1.5 kB'],
  [2_340_000, '2.3 MB'],
  [98_000_000, '98 MB'],
])('bytes(%i) = %s', (count, text) => expect(bytes(count, 'en')).toBe(text));
