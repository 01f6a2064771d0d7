import type { ContactFilter } from './queries';

export const groups = ['all', 'mine', 'team'] as const;

/** What is shown of the contacts, as it stands in the address: a link shows somebody else the same. */
export interface ContactSearch {
  group?: 'mine' | 'team';
  list?: string;
  tag?: string;
  q?: string;
}

/** Takes what makes sense out of an address. */
export function readSearch(given: Record<string, unknown>): ContactSearch {
  const text = (value: unknown) => (typeof value === 'string' || typeof value === 'number' ? String(value) : '');
  const { group } = given;
  const list = text(given.list);
  const tag = text(given.tag).slice(0, 50);
  const q = text(given.q).slice(0, 200);
  return {
    ...(group === 'mine' || group === 'team' ? { group } : {}),
    ...(/^[0-9a-f-]{36}$/.test(list) ? { list } : {}),
    ...(tag ? { tag } : {}),
    ...(q ? { q } : {}),
  };
}

/** What the server is asked for. */
export const filterOf = ({ group, list, tag, q }: ContactSearch): ContactFilter => ({
  search: q ?? '',
  group: group ?? 'all',
  list: list ?? null,
  tag: tag ?? null,
});
