import { expect, test } from 'vitest';
import { isChanged, noDraft, withReset, withValue } from './settings';

test('a value and a reset of one setting exclude each other', () => {
  const set = withValue(noDraft, 'ring_seconds', 30);
  expect(set).toEqual({ set: { ring_seconds: 30 }, reset: [] });
  const reset = withReset(withReset(set, 'ring_seconds'), 'ring_seconds');
  expect(reset).toEqual({ set: {}, reset: ['ring_seconds'] });
  expect(withValue(reset, 'ring_seconds', 40)).toEqual({ set: { ring_seconds: 40 }, reset: [] });
});

test('only a draft with something in it is a change', () => {
  expect(isChanged(noDraft)).toBe(false);
  expect(isChanged(withValue(noDraft, 'countdown', false))).toBe(true);
  expect(isChanged(withReset(noDraft, 'countdown'))).toBe(true);
});
