import { expect, test } from 'vitest';
import { emptyThread, linesOf, merge } from './thread';
import type { Message } from './types';

const at = (minute: number) => new Date(2026, 0, 1, 10, minute).toISOString();

const message = (seq: number, rev: number, more: Partial<Message> = {}): Message => ({
  id: `m${seq}`,
  conversation_id: 'c',
  seq,
  rev,
  at: at(seq),
  direction: 'in',
  author: 'customer',
  kind: 'text',
  text: String(rev),
  body: {},
  attachments: [],
  ...more,
});

const seen = (thread: { messages: Message[] }) => thread.messages.map((m) => `${m.seq}:${m.text}`).join(' ');

test('messages come in any order, twice, and late', () => {
  let thread = merge(emptyThread, [message(12, 20), message(10, 18), message(11, 19)], 'first', false);
  expect(seen(thread)).toBe('10:18 11:19 12:20');
  thread = merge(thread, [message(13, 21), message(11, 22)]);
  expect(seen(thread)).toBe('10:18 11:22 12:20 13:21');
  expect(thread.rev).toBe(22);
  expect(merge(thread, [message(11, 19), message(13, 21)])).toBe(thread);
});

test('a change of what is not loaded leaves no gap, and older pages go before', () => {
  const first = merge(emptyThread, [message(10, 18)], 'first', false);
  const later = merge(first, [message(3, 30)]);
  expect(seen(later)).toBe('10:18');
  expect(later.rev).toBe(30);
  const older = merge(later, [message(3, 30), message(9, 17)], 'older', true);
  expect(seen(older)).toBe('3:30 9:17 10:18');
  expect(older.whole).toBe(true);
  expect(seen(merge(older, [message(2, 40)]))).toBe('2:40 3:30 9:17 10:18');
});

test('days, albums, groups, and where the unread ones begin', () => {
  const lines = linesOf(
    [
      message(1, 1, { at: new Date(2025, 11, 31, 9).toISOString() }),
      message(2, 2),
      message(3, 3),
      message(4, 4, { album: 'x' }),
      message(5, 5, { album: 'x' }),
      message(6, 6, { direction: 'out', author: 'agent' }),
      message(20, 20, { direction: 'out', author: 'agent' }),
    ],
    5,
  );
  expect(lines.map((l) => (l.kind === 'message' ? `${l.message.seq}${l.first ? '!' : ''}` : l.kind))).toEqual([
    'day',
    '1!',
    'day',
    '2!',
    '3',
    '4',
    'unread',
    '5',
    '6!',
    '20!',
  ]);
  const album = linesOf([message(4, 4, { album: 'x' }), message(5, 5, { album: 'x' })]);
  expect(album).toHaveLength(2);
  expect(album[1]).toMatchObject({ album: [{ seq: 5 }] });
});
