import { describe, expect, test } from 'vitest';
import type { Conversation, Message } from '../protocol';
import { absorb, backOff, emptyTalk, type Pending, since, unreadCount } from './thread';

const conversation = (id: string, rev: number, created = '2026-01-01T00:00:00Z'): Conversation => ({
  id,
  state: 'open',
  rev,
  created_at: created,
  read_seq: 0,
});
const message = (id: string, seq: number, more: Partial<Message> = {}): Message => ({
  id,
  conversation_id: 'c',
  seq,
  rev: seq,
  at: '2026-01-01T00:00:00Z',
  mine: false,
  author: 'agent',
  kind: 'text',
  text: id,
  ...more,
});
const pending = (id: string): Pending => ({ client_id: id, at: '', text: id, attachments: [] });

describe('what the server says is taken over', () => {
  test('each message once, in its newest state, whatever comes twice or late', () => {
    let talk = absorb(emptyTalk, {
      conversations: [conversation('c', 2)],
      messages: [message('a', 1), message('b', 2)],
    });
    talk = absorb(talk, {
      conversations: [conversation('c', 3)],
      messages: [message('a', 1, { rev: 3, text: 'edited' })],
    });
    talk = absorb(talk, { conversations: [conversation('c', 2)], messages: [message('a', 1), message('b', 2)] });
    expect(talk.messages.map((m) => m.text)).toEqual(['edited', 'b']);
    expect(since(talk)).toEqual({ c: 3 });
  });

  test('what was on its way has arrived when it is among the messages, and stays on its way otherwise', () => {
    const talk = { ...emptyTalk, pending: [pending('1'), pending('2')] };
    const next = absorb(talk, {
      conversations: [conversation('c', 1)],
      messages: [message('m', 1, { mine: true, client_id: '1' })],
    });
    expect(next.pending.map((p) => p.client_id)).toEqual(['2']);
    expect(next.messages).toHaveLength(1);
  });

  test('an earlier conversation comes first, and the whole picture replaces what was there', () => {
    let talk = absorb(emptyTalk, {
      conversations: [conversation('c', 1, '2026-02-01T00:00:00Z'), conversation('d', 1, '2026-01-01T00:00:00Z')],
      messages: [message('late', 1), message('early', 9, { conversation_id: 'd' })],
    });
    expect(talk.messages.map((m) => m.id)).toEqual(['early', 'late']);
    expect(talk.conversations[0]?.id).toBe('c');
    talk = absorb(talk, { conversations: [], messages: [], whole: true });
    expect(talk.messages).toEqual([]);
  });
});

test('unread are those of others since the last that was seen', () => {
  const talk = absorb(emptyTalk, {
    conversations: [conversation('c', 4)],
    messages: [message('a', 1), message('b', 2, { mine: true }), message('c', 3), message('d', 4, { unsent: true })],
  });
  expect(unreadCount(talk, {})).toBe(2);
  expect(unreadCount(talk, { c: 1 })).toBe(1);
  expect(unreadCount(talk, { c: 4 })).toBe(0);
});

test('the page waits longer with each try, and never as long as another', () => {
  expect([0, 1, 2, 10].map((n) => backOff(n, 0.5))).toEqual([500, 1000, 2000, 30_000]);
  expect(backOff(3, 0)).toBeLessThan(backOff(3, 1));
});
