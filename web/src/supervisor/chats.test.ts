import { expect, test } from 'vitest';
import type { Conversation } from '../inbox/types';
import { connectedChats, noChatFilters, queuedChats } from './chats';
import type { QueuedItem } from './filters';

const item = (id: string, more: Partial<QueuedItem> = {}): QueuedItem => ({
  id,
  kind: 'chat',
  channel: 'line',
  enqueued_at: '2026-01-01T09:59:00Z',
  priority: 0,
  queue: 'sales',
  queue_name: 'Sales',
  caller: 'Rosa',
  ...more,
});

test.each([
  [{}, 'abc'],
  [{ text: ' ros ' }, 'ac'],
  [{ text: 'ben' }, 'c'],
  [{ channel: 'sms' }, 'b'],
  [{ queue: 'support' }, 'c'],
  [{ agent: 'x' }, ''],
])('%j leaves %s', (filters, left) => {
  const items = [
    item('a'),
    item('b', { channel: 'sms', caller: 'Yuki' }),
    item('c', { queue: 'support', agent: 'ben', agent_name: 'Ben' }),
    item('z', { kind: 'call' }),
  ];
  expect(
    queuedChats(items, { ...noChatFilters, ...filters })
      ?.map((one) => one.id)
      .join(''),
  ).toBe(left);
});

test('connected are those that somebody has', () => {
  const row = (id: string, more: Partial<Conversation>) =>
    ({ id, state: 'open', owner_kind: 'human', owner_id: 'ben', ...more }) as Conversation;
  const rows = [row('a', {}), row('b', { owner_kind: 'none' }), row('c', { owner_kind: 'bot', owner_id: 'bot' })];
  expect(connectedChats(rows, { agent: '' })?.map((one) => one.id)).toEqual(['a', 'c']);
  expect(connectedChats(rows, { agent: 'ben' })?.map((one) => one.id)).toEqual(['a']);
  expect(connectedChats(undefined, { agent: '' })).toBeUndefined();
});
