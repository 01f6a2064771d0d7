import { expect, test } from 'vitest';
import {
  type CallFilters,
  connectedLines,
  filterLines,
  type LiveCall,
  noFilters,
  type QueuedItem,
  queuedLines,
} from './filters';

const now = Date.parse('2026-01-01T10:00:00Z');

const call = (id: string, more: Partial<LiveCall> = {}): LiveCall => ({
  call_id: id,
  caller: { number: '+4930111', name: '', withheld: false },
  direction: 'inbound',
  number: '1001',
  queue_path: ['Sales'],
  reserved: {},
  started_at: '2026-01-01T09:59:00Z',
  state: 'talking',
  state_at: '2026-01-01T09:59:00Z',
  transport: 'udp',
  ...more,
});

const lines = [
  call('a', { agent_id: 'anna', agent_name: 'Anna', queue_id: 'sales', language: 'en' }),
  call('b', {
    agent_id: 'ben',
    agent_name: 'Ben',
    number: '1002',
    state: 'held',
    connected_at: '2026-01-01T09:00:00Z',
  }),
  call('c', { caller: { number: '+3312', name: 'Rosa', withheld: false }, stuck: 'node_gone', language: 'zh' }),
].map((c) => ({ id: c.call_id, call: c }));

test.each<[Partial<CallFilters>, string]>([
  [{}, 'abc'],
  [{ text: ' rosa ' }, 'c'],
  [{ text: '1002' }, 'b'],
  [{ text: 'anna' }, 'a'],
  [{ text: 'SALES' }, 'abc'],
  [{ queue: 'sales' }, 'a'],
  [{ agent: 'ben' }, 'b'],
  [{ team: 'x' }, 'ab'],
  [{ state: 'held' }, 'b'],
  [{ state: 'stuck' }, 'c'],
  [{ number: '1001', language: 'zh' }, 'c'],
  [{ longer: '300' }, 'b'],
  [{ text: 'nobody' }, ''],
])('%j leaves %s', (filters, left) => {
  const found = filterLines(lines, { ...noFilters, ...filters }, ['anna', 'ben'], now);
  expect(found?.map((l) => l.id).join('')).toBe(left);
});

test('those who wait are lines with their calls, chats are not', () => {
  const item = (id: string, kind: QueuedItem['kind']): QueuedItem => ({
    id,
    kind,
    channel: 'ivr',
    enqueued_at: '2026-01-01T09:59:00Z',
    priority: 0,
    queue: 'sales',
    queue_name: 'Sales',
  });
  const found = queuedLines([call('a')], [item('a', 'call'), item('k', 'callback'), item('z', 'chat')]);
  expect(found?.map((l) => [l.id, l.call?.call_id])).toEqual([
    ['a', 'a'],
    ['k', undefined],
  ]);
  expect(queuedLines(undefined, [])).toBeUndefined();
  const ringing = { ...call('o'), direction: 'outbound', state: 'dialing' } as LiveCall;
  expect(connectedLines([ringing, { ...ringing, direction: 'inbound' }])).toHaveLength(1);
  const one = [call('a')];
  expect(connectedLines(one)?.[0]).toBe(connectedLines([...one])?.[0]);
});
