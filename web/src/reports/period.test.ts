import { expect, test } from 'vitest';
import { dateIn, daysOf, fits, isDate, plusDays } from './period';

test.each([
  ['2026-03-28', 1, '2026-03-29'],
  ['2026-03-29', 1, '2026-03-30'], // clocks go forward in Berlin
  ['2026-12-31', 1, '2027-01-01'],
  ['2028-02-28', 1, '2028-02-29'],
  ['2026-03-01', -1, '2026-02-28'],
])('%s and %i days is %s', (date, days, want) => expect(plusDays(date, days)).toBe(want));

test('the same instant has two dates', () => {
  const now = Date.parse('2026-06-03T22:30:00Z');
  expect(dateIn(now, 'Europe/Berlin')).toBe('2026-06-04');
  expect(dateIn(now, 'America/New_York')).toBe('2026-06-03');
});

test.each([
  ['today', '2026-06-03', '2026-06-03'],
  ['yesterday', '2026-06-02', '2026-06-02'],
  ['week', '2026-05-28', '2026-06-03'],
  ['month', '2026-05-05', '2026-06-03'],
  ['quarter', '2026-03-06', '2026-06-03'],
] as const)('%s is %s to %s', (preset, from, to) => expect(daysOf(preset, '2026-06-03')).toEqual({ from, to }));

test('what the server would refuse is not offered', () => {
  expect(fits({ from: '2026-01-01', to: '2026-12-31' }, '1d')).toBe(true);
  expect(fits({ from: '2026-01-01', to: '2026-12-31' }, '15m')).toBe(false);
  expect(fits({ from: '2026-01-02', to: '2026-01-01' }, 'total')).toBe(false);
});

test('dates that there are', () => {
  expect(['2026-02-28', '2026-02-30', '26-2-3', ''].map(isDate)).toEqual([true, false, false, false]);
});
