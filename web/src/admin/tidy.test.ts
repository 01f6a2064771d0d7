import { expect, test } from 'vitest';
import { tidy } from './WeekEditor';

test.each([
  ['9', '09:00'],
  ['930', '09:30'],
  ['9:05', '09:05'],
  ['24:00', '24:00'],
  ['1730', '17:30'],
  ['99', '99'],
  ['noon', 'noon'],
])('%s → %s', (text, time) => expect(tidy(text)).toBe(time));
