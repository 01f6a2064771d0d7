import { expect, test } from 'vitest';
import { filterOf, readSearch } from './search';

test('an address keeps what makes sense', () => {
  const whole = { group: 'mine', list: '0190b5a0-0000-7000-8000-000000000001', tag: 'vip', q: 'ada' };
  expect(readSearch(whole)).toEqual(whole);
  expect(readSearch({ group: 'all', list: '<script>', tag: null, q: [], other: 'x' })).toEqual({});
  expect(readSearch({ q: 4321 })).toEqual({ q: '4321' });
});

test('the server is asked for it', () => {
  expect(filterOf({})).toEqual({ search: '', group: 'all', list: null, tag: null });
  expect(filterOf({ group: 'team', tag: 'vip', q: 'ada' })).toEqual({
    search: 'ada',
    group: 'team',
    list: null,
    tag: 'vip',
  });
});
