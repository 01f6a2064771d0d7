import { expect, test } from 'vitest';
import { commandOf, factsOf } from './bridge';

const host = { window: 'the host', origins: ['https://crm.example.com'] };
const from = (data: unknown, origin = 'https://crm.example.com', source: unknown = 'the host') =>
  commandOf({ origin, source, data }, host);

test('what a listed page says', () => {
  expect(from({ tandem: 1, type: 'hello' })).toEqual({ type: 'hello' });
  expect(from({ tandem: 1, type: 'dial', number: '+49891900', more: 1 })).toEqual({
    type: 'dial',
    number: '+49891900',
  });
  const dial = { type: 'dial', number: '+49891900', queue_id: '0198a3b2-7c1d-7e22-9f00-1234567890ab' };
  expect(from({ tandem: 1, ...dial })).toEqual(dial);
  expect(from({ tandem: 1, type: 'presence.set', presence: 'AWAY', reason: 'lunch' })).toEqual({
    type: 'presence.set',
    presence: 'AWAY',
    reason: 'lunch',
  });
  expect(from({ tandem: 1, type: 'open', record: 'ticket', id: 'a-1' })).toEqual({
    type: 'open',
    record: 'ticket',
    id: 'a-1',
  });
});

test.each([
  ['another origin', { tandem: 1, type: 'answer' }, 'https://evil.example.com', 'the host'],
  ['a listed origin as a part of another', { tandem: 1, type: 'answer' }, 'https://crm.example.com.evil', 'the host'],
  ['another window', { tandem: 1, type: 'answer' }, 'https://crm.example.com', 'a frame beside it'],
  ['another version', { tandem: 2, type: 'answer' }, 'https://crm.example.com', 'the host'],
  ['no object', 'answer', 'https://crm.example.com', 'the host'],
  ['nothing', null, 'https://crm.example.com', 'the host'],
  ['an unknown type', { tandem: 1, type: 'eval' }, 'https://crm.example.com', 'the host'],
  [
    'a queue that is none',
    { tandem: 1, type: 'dial', number: '1', queue_id: 7 },
    'https://crm.example.com',
    'the host',
  ],
  ['no number', { tandem: 1, type: 'dial', number: 'sip:a@b' }, 'https://crm.example.com', 'the host'],
  [
    'an unknown presence',
    { tandem: 1, type: 'presence.set', presence: 'ASLEEP' },
    'https://crm.example.com',
    'the host',
  ],
  [
    'a path for an id',
    { tandem: 1, type: 'open', record: 'ticket', id: '../admin' },
    'https://crm.example.com',
    'the host',
  ],
])('%s is not heard', (_, data, origin, source) => {
  expect(from(data, origin, source)).toBeNull();
});

test('who calls is told only where the tenant allows it', () => {
  const card = { caller: '+49891234', name: 'Ada', queue_path: ['Demo'] };
  expect(factsOf(card, false)).toEqual({ queue: ['Demo'] });
  expect(factsOf(card, true)).toEqual({ queue: ['Demo'], number: '+49891234', name: 'Ada' });
});
