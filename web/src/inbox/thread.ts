import type { Message } from './types';

/** What is loaded of a conversation's messages. */
export interface Thread {
  /** In their order. */
  messages: Message[];
  /** The newest revision that was seen: what has changed since then is asked for. */
  rev: number;
  /** Nothing older is there. */
  whole: boolean;
}

/** What a conversation is before anything was loaded. */
export const emptyThread: Thread = { messages: [], rev: 0, whole: false };

/**
 * Lays messages over what is loaded: a newer revision wins, whatever came first. Changes of messages that are older than all that is loaded
 * wait until those are asked for: showing them alone would hide the gap.
 */
export function merge(thread: Thread, fresh: Message[], page?: 'first' | 'older', whole = thread.whole): Thread {
  const rev = fresh.reduce((most, m) => Math.max(most, m.rev), thread.rev);
  const oldest = thread.messages[0]?.seq ?? 0;
  const byID = new Map(thread.messages.map((m) => [m.id, m]));
  let changed = whole !== thread.whole || rev !== thread.rev;
  for (const message of fresh) {
    const known = byID.get(message.id);
    if (known && known.rev >= message.rev) continue;
    if (!known && page === undefined && !thread.whole && message.seq < oldest) continue;
    byID.set(message.id, message);
    changed = true;
  }
  if (!changed) return thread;
  const messages = [...byID.values()].sort((a, b) => a.seq - b.seq);
  return { messages, rev: page === 'older' ? thread.rev : rev, whole };
}

/** A line of the conversation's view. */
export type Line =
  | { kind: 'day'; key: string; at: string }
  | { kind: 'unread'; key: string }
  | { kind: 'message'; key: string; message: Message; first: boolean; album: Message[] };

// Messages of one author within this time stand together, with the name above the first.
const TOGETHER = 5 * 60_000;

/** The lines to show: a separator at each new day, albums as one, and a mark before the first message that had not been read. */
export function linesOf(messages: Message[], unreadFrom?: number): Line[] {
  const lines: Line[] = [];
  let before: Message | undefined;
  for (const message of messages) {
    const day = new Date(message.at).toDateString();
    const newDay = !before || new Date(before.at).toDateString() !== day;
    if (newDay) lines.push({ kind: 'day', key: `day ${message.seq}`, at: message.at });
    if (unreadFrom !== undefined && message.seq >= unreadFrom && (!before || before.seq < unreadFrom))
      lines.push({ kind: 'unread', key: 'unread' });
    const last = lines[lines.length - 1];
    if (message.album && last?.kind === 'message' && last.message.album === message.album && !newDay) {
      last.album.push(message);
    } else {
      const first = newDay || !before || !sameAuthor(before, message);
      lines.push({ kind: 'message', key: message.id, message, first, album: [] });
    }
    before = message;
  }
  return lines;
}

function sameAuthor(a: Message, b: Message): boolean {
  return (
    a.direction === b.direction &&
    a.author === b.author &&
    a.author_id === b.author_id &&
    (a.kind === 'note') === (b.kind === 'note') &&
    a.kind !== 'system' &&
    Date.parse(b.at) - Date.parse(a.at) < TOGETHER
  );
}
