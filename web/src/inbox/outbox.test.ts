import { expect, test, vi } from 'vitest';
import { Problem } from '../api/problem';
import { Outbox, type Sending } from './outbox';

const message = (client_id: string, conversation = 'c'): Sending => ({
  client_id,
  conversation,
  kind: 'message',
  text: client_id,
  at: '2026-01-01T10:00:00Z',
  attachments: [],
  state: 'waiting',
});

function world(answers: Array<Error | null>, kept?: string) {
  const sent: string[] = [];
  const data = new Map(kept ? [['k', kept]] : []);
  const waits: Array<() => void> = [];
  const storage = {
    getItem: (key: string) => data.get(key) ?? null,
    setItem: (key: string, value: string) => void data.set(key, value),
    removeItem: (key: string) => void data.delete(key),
  };
  const outbox = new Outbox({
    send: async (m) => {
      sent.push(m.client_id);
      const answer = answers.shift();
      if (answer) throw answer;
    },
    storage,
    key: 'k',
    wait: (_, then) => {
      waits.push(then);
      return () => undefined;
    },
  });
  return { outbox, sent, data, waits };
}

const settled = (outbox: Outbox, count: number) => vi.waitFor(() => expect(outbox.all()).toHaveLength(count));

test('messages go in their order, one at a time in a conversation', async () => {
  const { outbox, sent, data } = world([]);
  for (const id of ['a', 'b', 'c']) outbox.add(message(id));
  expect(sent).toEqual(['a']);
  await settled(outbox, 0);
  expect(sent).toEqual(['a', 'b', 'c']);
  expect(data.size).toBe(0);
});

test('without a network it waits, and the same client_id goes again', async () => {
  const { outbox, sent, waits } = world([new TypeError('offline'), new Problem(503, 'unavailable', '')]);
  outbox.add(message('a'));
  await vi.waitFor(() => expect(waits).toHaveLength(1));
  waits[0]?.();
  await vi.waitFor(() => expect(sent).toHaveLength(2));
  await vi.waitFor(() => expect(waits).toHaveLength(2));
  outbox.hurry();
  await settled(outbox, 0);
  expect(sent).toEqual(['a', 'a', 'a']);
});

test('what the server refuses stays, with why, and the next one goes', async () => {
  const { outbox, sent } = world([new Problem(409, 'window_closed', 'The window is closed.')]);
  outbox.add(message('a'));
  outbox.add(message('b'));
  await settled(outbox, 1);
  expect(outbox.all()[0]).toMatchObject({ client_id: 'a', state: 'refused', code: 'window_closed' });
  outbox.retry('a');
  await settled(outbox, 0);
  expect(sent).toEqual(['a', 'b', 'a']);
});

test('a reload loses nothing; what is broken in the store does no harm', async () => {
  const { outbox, sent } = world([], JSON.stringify([message('a'), { ...message('b'), state: 'refused' }]));
  await settled(outbox, 1);
  expect(sent).toEqual(['a']);
  outbox.discard('b');
  expect(outbox.all()).toEqual([]);
  expect(world([], '{').outbox.all()).toEqual([]);
});
