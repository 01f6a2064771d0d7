import type { TicketFilter, TicketStatus } from '../api/queries';
import { moves } from './moves';
import { priorities } from './words';

export const standings = ['at_risk', 'breached', 'running', 'paused', 'met'] as const;
export const sorts = ['updated', 'priority', 'due', 'newest'] as const;

/** What is shown of the tickets, as it stands in the address: a link shows somebody else the same. */
export interface TicketSearch {
  view?: 'board';
  status?: TicketStatus | 'all';
  priority?: (typeof priorities)[number];
  type?: string;
  sla?: (typeof standings)[number];
  /** A person, or nobody. */
  assignee?: string;
  sort?: (typeof sorts)[number];
  q?: string;
}

const statuses = [...(Object.keys(moves) as TicketStatus[]), 'all'] as const;

const oneOf = <T extends string>(known: readonly T[], value: unknown): T | undefined =>
  known.find((one) => one === value);

/** Takes what makes sense out of an address. */
export function readSearch(given: Record<string, unknown>): TicketSearch {
  const text = (value: unknown) => (typeof value === 'string' || typeof value === 'number' ? String(value) : undefined);
  const read = {
    view: oneOf(['board'] as const, given.view),
    status: oneOf(statuses, given.status),
    priority: oneOf(priorities, given.priority),
    type: /^[0-9a-z_-]{1,40}$/.test(text(given.type) ?? '') ? text(given.type) : undefined,
    sla: oneOf(standings, given.sla),
    assignee: /^(nobody|[0-9a-f-]{36})$/.test(text(given.assignee) ?? '') ? text(given.assignee) : undefined,
    sort: oneOf(sorts, given.sort),
    q: text(given.q)?.slice(0, 200) || undefined,
  };
  return Object.fromEntries(Object.entries(read).filter(([, value]) => value !== undefined));
}

/** What the server is asked for; without a status, what is not resolved. */
export function filterOf(search: TicketSearch): TicketFilter {
  const { status, priority, type, sla, assignee, sort, q } = search;
  return {
    ...(status === undefined ? { open: true } : status === 'all' ? {} : { status }),
    ...(priority ? { priority } : {}),
    ...(type ? { type } : {}),
    ...(sla ? { sla } : {}),
    ...(assignee === 'nobody' ? { unassigned: true } : assignee ? { assignee } : {}),
    ...(q ? { search: q } : {}),
    sort: sort ?? 'updated',
  };
}
