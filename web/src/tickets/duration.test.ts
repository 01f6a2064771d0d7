import { expect, test } from 'vitest';
import { inUnit, toSeconds } from './duration';

test.each([
  [0, 0, 'minutes'],
  [60, 1, 'minutes'],
  [5400, 90, 'minutes'],
  [3600, 1, 'hours'],
  [4 * 3600, 4, 'hours'],
  [86_400, 1, 'days'],
  [14 * 86_400, 14, 'days'],
  [90_000, 25, 'hours'],
] as const)('%i seconds are %i %s', (seconds, count, unit) => {
  expect(inUnit(seconds)).toEqual({ count, unit });
  expect(toSeconds(count, unit)).toBe(seconds);
});
