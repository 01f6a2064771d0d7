import type { Conversation } from './types';

/** The order of the list: the newest message first. */
function before(a: Conversation, b: Conversation): number {
  return Date.parse(b.last_at) - Date.parse(a.last_at) || (a.id < b.id ? 1 : -1);
}

/**
 * What is loaded of the list, with a fresh first page laid over it: new and changed rows take their places, and rows that should be among
 * the first but are not have left the list. whole says that the page is all there is.
 */
export function mergeHead(loaded: Conversation[], head: Conversation[], whole: boolean): Conversation[] {
  const first = keepSame(loaded, head);
  const last = first[first.length - 1];
  if (whole || !last) return first;
  const fresh = new Set(first.map((row) => row.id));
  return [...first, ...loaded.filter((row) => !fresh.has(row.id) && before(row, last) > 0)];
}

/** The list with one row changed, or without it. */
export function mergeRow(loaded: Conversation[], row: Conversation, stays: boolean): Conversation[] {
  const rest = loaded.filter((other) => other.id !== row.id);
  if (!stays) return rest.length === loaded.length ? loaded : rest;
  return [...rest, row].sort(before);
}

/** Pages after each other; a row that moved up between two requests is in both. */
export function joined(pages: { items: Conversation[] }[]): Conversation[] {
  const known = new Map<string, Conversation>();
  for (const { items } of pages) for (const row of items) if (!known.has(row.id)) known.set(row.id, row);
  return [...known.values()];
}

// A row that did not change stays the same object, so that it is not drawn again.
function keepSame(before: Conversation[], after: Conversation[]): Conversation[] {
  const known = new Map(before.map((row) => [row.id, row]));
  return after.map((row) => {
    const old = known.get(row.id);
    return old && JSON.stringify(old) === JSON.stringify(row) ? old : row;
  });
}
