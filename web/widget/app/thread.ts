import type { Conversation, Message, Offering, Thread, Welcome } from '../protocol';

/** A message that is on its way: kept until the server has it, sent again with the same id until then. */
export interface Pending {
  client_id: string;
  at: string;
  text: string;
  attachments: { id: string; name: string; kind: string }[];
  quote?: { id: string; text: string };
  choice?: { id: string; title: string };
  failed?: string;
}

export interface Talk {
  conversations: Conversation[];
  messages: Message[];
  pending: Pending[];
  offering: Offering | null;
}

export const emptyTalk: Talk = { conversations: [], messages: [], pending: [], offering: null };

/** Takes over what the server says: each message once, by its id, in its newest state; what was on its way has arrived. */
export function absorb(talk: Talk, news: Thread | Welcome): Talk {
  const conversations = new Map((news.whole ? [] : talk.conversations).map((c) => [c.id, c]));
  for (const c of news.conversations) {
    const known = conversations.get(c.id);
    if (!known || c.rev >= known.rev) conversations.set(c.id, c);
  }
  const messages = new Map((news.whole ? [] : talk.messages).map((m) => [m.id, m]));
  for (const m of news.messages) {
    const known = messages.get(m.id);
    if (!known || m.rev >= known.rev) messages.set(m.id, m);
  }
  const begun = new Map([...conversations.values()].map((c) => [c.id, c.created_at]));
  const arrived = new Set([...messages.values()].map((m) => m.client_id).filter(Boolean));
  return {
    conversations: [...conversations.values()].sort((a, b) => b.created_at.localeCompare(a.created_at)),
    messages: [...messages.values()].sort(
      (a, b) =>
        (begun.get(a.conversation_id) ?? '').localeCompare(begun.get(b.conversation_id) ?? '') ||
        a.conversation_id.localeCompare(b.conversation_id) ||
        a.seq - b.seq,
    ),
    pending: talk.pending.filter((p) => !arrived.has(p.client_id)),
    offering: news.offering ?? talk.offering,
  };
}

/** Where a page that comes back goes on: the newest change that it has of each conversation. */
export function since(talk: Talk): Record<string, number> {
  return Object.fromEntries(talk.conversations.map((c) => [c.id, c.rev]));
}

export function unreadCount(talk: Talk, seen: Record<string, number>): number {
  return talk.messages.filter((m) => !m.mine && !m.unsent && m.seq > (seen[m.conversation_id] ?? 0)).length;
}

/** How long to wait before the next try, in milliseconds: 0.5 s to 30 s, never two pages at the same instant. */
export function backOff(tries: number, chance: number): number {
  return Math.min(30_000, 500 * 2 ** tries) * (0.75 + chance / 2);
}
