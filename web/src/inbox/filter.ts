import type { Conversation } from './types';

/** The views that everybody has. */
export const views = ['mine', 'unassigned', 'team', 'all', 'mentions'] as const;

/** What the list of conversations shows; empty values narrow nothing. */
export interface Filter {
  /** One of `views`, or the id of a saved one. */
  view: string;
  state: string;
  channel: string;
  queue: string;
  unread: boolean;
  search: string;
}

export const noFilter: Filter = { view: 'mine', state: 'open', channel: '', queue: '', unread: false, search: '' };

/** The filter as the API's query. */
export function queryOf(filter: Filter): Record<string, string | boolean> {
  const query: Record<string, string | boolean> = { view: filter.view };
  if (filter.state) query.state = filter.state;
  if (filter.channel) query.channel = filter.channel;
  if (filter.queue) query.queue_id = filter.queue;
  if (filter.unread) query.unread = true;
  if (filter.search.trim()) query.search = filter.search.trim();
  return query;
}

/** How many filters besides view and search narrow the list. */
export const countFilters = (filter: Filter): number =>
  Number(filter.state !== 'open') + Number(filter.channel !== '') + Number(filter.queue !== '') + Number(filter.unread);

/** Whether a conversation that has changed still belongs into the list; undefined where only the server can say. */
export function belongs(conversation: Conversation, filter: Filter, me: string): boolean | undefined {
  if (filter.state && conversation.state !== filter.state) return false;
  if (filter.channel && conversation.channel !== filter.channel) return false;
  if (filter.queue && conversation.queue_id !== filter.queue) return false;
  if (filter.unread && conversation.unread === 0) return false;
  switch (filter.view) {
    case 'mine':
      return conversation.owner_id === me || conversation.collaborators?.includes(me) || undefined;
    case 'unassigned':
      return conversation.owner_kind === 'none' ? undefined : false;
    case 'all':
      return filter.search ? undefined : true;
    default:
      return undefined;
  }
}
