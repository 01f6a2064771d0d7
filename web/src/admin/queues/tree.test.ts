import { expect, test } from 'vitest';
import { possibleParents, type Queue, treeOf } from './tree';

const queue = (id: string, parent?: string, more: Partial<Queue> = {}): Queue => ({
  id,
  parent,
  kind: 'queue',
  name: id,
  off: [],
  own: {},
  paused: false,
  leaf: false,
  changed_at: '',
  ...more,
});

const queues = [
  queue('root'),
  queue('c', 'root', { key: 2 }),
  queue('hidden', 'root'),
  queue('b', 'root', { key: 1 }),
  queue('deep', 'b', { key: 1 }),
  queue('gone', 'root', { key: 3, archived_at: '2026-01-01T00:00:00Z' }),
  queue('orphan', 'gone'),
];

test('keys come in order, hidden queues after them, archived ones not at all', () => {
  const names = (nodes: ReturnType<typeof treeOf>): unknown[] =>
    nodes.map((n) => (n.children.length ? [n.queue.id, names(n.children)] : n.queue.id));
  expect(names(treeOf(queues))).toEqual(['orphan', ['root', [['b', ['deep']], 'c', 'hidden']]]);
});

test('a queue cannot go below itself or its children', () => {
  expect(possibleParents(queues, 'b').map((q) => q.id)).toEqual(['root', 'c', 'hidden', 'orphan']);
});
