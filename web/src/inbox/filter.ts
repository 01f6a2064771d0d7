import type { Schema } from '../api/client';
import type { Conversation } from './types';

/** The views that everybody has. */
export const views = ['mine', 'unassigned', 'team', 'all', 'mentions'] as const;

/** What the list of conversations shows; empty values narrow nothing. */
export interface Filter {
  /** One of `views`. */
  view: string;
  /** Empty: all but closed ones. */
  state: string;
  channel: string;
  queue: string;
  unread: boolean;
  search: string;
}

/** A filter as it is kept under a name. */
export type SavedFilter = Schema['ConversationFilter'];

export const anyState = 'open,snoozed,closed';

export const noFilter: Filter = { view: 'mine', state: '', channel: '', queue: '', unread: false, search: '' };

/** The filter as it is kept and asked for. */
export function savedOf(filter: Filter): SavedFilter {
  return {
    view: filter.view,
    ...(filter.state ? { state: filter.state.split(',') as Conversation['state'][] } : {}),
    ...(filter.channel ? { channel: filter.channel } : {}),
    ...(filter.queue ? { queue_id: filter.queue } : {}),
    ...(filter.unread ? { unread: true } : {}),
    ...(filter.search.trim() ? { search: filter.search.trim() } : {}),
  };
}

/** The filter of what was kept. */
export function filterOf(saved: SavedFilter): Filter {
  return {
    view: saved.view || 'all',
    state: saved.state?.join(',') ?? '',
    channel: saved.channel ?? '',
    queue: saved.queue_id ?? '',
    unread: saved.unread ?? false,
    search: saved.search ?? '',
  };
}

/** How many filters besides view and search narrow the list. */
export const countFilters = (filter: Filter): number =>
  Number(filter.state !== '') + Number(filter.channel !== '') + Number(filter.queue !== '') + Number(filter.unread);

/** Whether a conversation that has changed still belongs into the list; undefined where only the server can say. */
export function belongs(conversation: Conversation, filter: Filter, me: string): boolean | undefined {
  const searched = filter.search.trim() !== '';
  const states = filter.state ? filter.state.split(',') : searched ? anyState.split(',') : ['open', 'snoozed'];
  if (!states.includes(conversation.state)) return false;
  if (filter.channel && conversation.channel !== filter.channel) return false;
  if (filter.queue && conversation.queue_id !== filter.queue) return false;
  switch (filter.view) {
    case 'mine':
      return conversation.owner_id === me || conversation.collaborators.includes(me);
    case 'unassigned':
      return conversation.owner_kind === 'none' ? undefined : false;
    default:
      return undefined;
  }
}
