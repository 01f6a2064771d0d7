import type { Conversation } from '../inbox/types';
import type { QueuedItem } from './filters';

/** What narrows the lists of chats; empty values narrow nothing. */
export interface ChatFilters {
  text: string;
  queue: string;
  channel: string;
  agent: string;
}

export const noChatFilters: ChatFilters = { text: '', queue: '', channel: '', agent: '' };

/** Chats that wait for an agent or ring at one, the longest first as the server has them. */
export function queuedChats(items: QueuedItem[] | undefined, filters: ChatFilters): QueuedItem[] | undefined {
  const text = filters.text.trim().toLowerCase();
  return items?.filter(
    (item) =>
      item.kind === 'chat' &&
      (!filters.queue || item.queue === filters.queue) &&
      (!filters.channel || item.channel === filters.channel) &&
      (!filters.agent || item.agent === filters.agent) &&
      [item.caller, item.queue_name, item.agent_name].some((part) => (part ?? '').toLowerCase().includes(text)),
  );
}

/** Chats that somebody has. */
export function connectedChats(
  rows: Conversation[] | undefined,
  filters: Pick<ChatFilters, 'agent'>,
): Conversation[] | undefined {
  return rows?.filter(
    (row) => row.owner_kind !== 'none' && row.state !== 'closed' && (!filters.agent || row.owner_id === filters.agent),
  );
}
