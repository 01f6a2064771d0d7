import type { Schema } from '../../api/client';

export type Queue = Schema['Queue'];

export interface Node {
  queue: Queue;
  children: Node[];
}

/** The queues as a tree: keys in their order, hidden ones after them by name. Archived ones are left out. */
export function treeOf(queues: Queue[]): Node[] {
  const living = queues.filter((q) => !q.archived_at);
  const known = new Set(living.map((q) => q.id));
  const below = (parent: string | undefined): Node[] =>
    living
      .filter((q) => (parent === undefined ? !q.parent || !known.has(q.parent) : q.parent === parent))
      .sort((a, b) => (a.key || 10) - (b.key || 10) || a.name.localeCompare(b.name))
      .map((queue) => ({ queue, children: below(queue.id) }));
  return below(undefined);
}

/** The queues that q may be put below: neither itself nor what is below it. */
export function possibleParents(queues: Queue[], id: string): Queue[] {
  const barred = new Set([id]);
  for (let grown = true; grown; ) {
    grown = false;
    for (const q of queues) {
      if (q.parent && barred.has(q.parent) && !barred.has(q.id)) {
        barred.add(q.id);
        grown = true;
      }
    }
  }
  return queues.filter((q) => !barred.has(q.id) && !q.archived_at && q.kind === 'queue');
}
