import { expect, test } from 'vitest';
import { levelOfService, levelOfWait } from './thresholds';

test.each([
  [0, 0, 0, 'good'],
  [1, 5, 2, 'good'],
  [1, 30, 2, 'warn'],
  [3, 120, 2, 'bad'],
  [1, 5, 0, 'bad'],
])('%i waiting for %i s with %i available is %s', (waiting, longest_wait_seconds, available, level) => {
  expect(levelOfWait({ waiting, longest_wait_seconds, available })).toBe(level);
});

test.each([
  [undefined, undefined],
  [0.59, 'bad'],
  [0.79, 'warn'],
  [0.8, 'good'],
])('a service level of %s is %s', (share, level) => {
  expect(levelOfService(share)).toBe(level);
});
