import { expect, test } from 'vitest';
import { anyState, belongs, countFilters, filterOf, noFilter, savedOf } from './filter';
import { joined, mergeHead, mergeRow } from './rows';
import type { Conversation } from './types';

const row = (id: string, minute: number, more: Partial<Conversation> = {}) =>
  ({
    id,
    state: 'open',
    owner_kind: 'none',
    channel: 'web',
    collaborators: [],
    unread: 0,
    last_at: new Date(Date.UTC(2026, 0, 1, 10, minute)).toISOString(),
    ...more,
  }) as Conversation;

const ids = (rows: Conversation[]) => rows.map((r) => r.id).join('');
const loaded = [row('a', 50), row('b', 40), row('c', 30), row('d', 20), row('e', 10)];

test('a fresh first page moves rows up, brings new ones, and takes away those that should be in it', () => {
  // d got a message, n is new, b left the list.
  const head = [row('n', 59), row('d', 58), row('a', 50), row('c', 30)];
  const merged = mergeHead(loaded, head, false);
  expect(ids(merged)).toBe('ndace');
  expect(merged[2]).toBe(loaded[0]);
  expect(ids(mergeHead(loaded, [row('c', 30)], true))).toBe('c');
  expect(mergeHead(loaded, [], true)).toEqual([]);
});

test('one row changes, moves, or leaves', () => {
  expect(ids(mergeRow(loaded, row('e', 55), true))).toBe('eabcd');
  expect(ids(mergeRow(loaded, row('c', 30), false))).toBe('abde');
  expect(mergeRow(loaded, row('x', 1), false)).toBe(loaded);
});

test('a page does not repeat what is there', () => {
  expect(ids(joined([{ items: loaded }, { items: [row('e', 10), row('f', 5)] }]))).toBe('abcdef');
});

test.each<[string, Partial<Conversation>, Partial<typeof noFilter>, boolean | undefined]>([
  ['mine', { owner_id: 'me' }, {}, true],
  ['mine as a collaborator', { owner_id: 'you', collaborators: ['me'] }, {}, true],
  ['closed', { owner_id: 'me', state: 'closed' }, {}, false],
  ['of another channel', {}, { channel: 'line', view: 'all' }, false],
  ['taken by somebody', { owner_kind: 'human' }, { view: 'unassigned' }, false],
  ['handed on', { owner_id: 'you' }, {}, false],
  ['snoozed', { owner_id: 'me', state: 'snoozed' }, {}, true],
  ['found although closed', { state: 'closed', owner_id: 'me' }, { search: 'x' }, true],
  ['any', {}, { view: 'all' }, undefined],
])('%s', (_, more, filter, stays) => {
  expect(belongs(row('a', 1, more), { ...noFilter, ...filter }, 'me')).toBe(stays);
});

test('the query has what narrows', () => {
  expect(savedOf({ ...noFilter, search: ' tea ' })).toEqual({ view: 'mine', search: 'tea' });
  expect(savedOf({ ...noFilter, view: 'all', state: anyState })).toEqual({
    view: 'all',
    state: ['open', 'snoozed', 'closed'],
  });
  expect(countFilters({ ...noFilter, channel: 'sms', unread: true, state: 'closed' })).toBe(3);
});

test('a filter that was kept is the same when it comes back', () => {
  const filter = { view: 'team', state: 'open,snoozed', channel: 'line', queue: 'q', unread: true, search: 'tea' };
  expect(filterOf(savedOf(filter))).toEqual(filter);
  expect(filterOf({})).toEqual({ ...noFilter, view: 'all' });
});
