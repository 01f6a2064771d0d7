import { useCallback, useState } from 'react';
import type { Attachment } from './types';

/** What somebody has written and not sent. */
export interface Draft {
  text: string;
  note: boolean;
  quote?: { id: string; text: string };
  attachments: Attachment[];
}

const empty: Draft = { text: '', note: false, attachments: [] };

// Drafts of those who share a browser are kept apart, and old ones do not pile up.
const MOST = 50;

function read(key: string): Record<string, Draft> {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(key) ?? '{}');
    return typeof kept === 'object' && kept !== null ? (kept as Record<string, Draft>) : {};
  } catch {
    return {};
  }
}

function write(user: string, conversation: string, draft: Draft): void {
  const key = `tandem.drafts.${user}`;
  const { [conversation]: _, ...others } = read(key);
  const kept = Object.entries(others).slice(-MOST);
  if (draft.text || draft.quote || draft.attachments.length > 0) kept.push([conversation, draft]);
  localStorage.setItem(key, JSON.stringify(Object.fromEntries(kept)));
}

/** The draft of a conversation: a reload, or a look at another conversation, loses none of it. Mount anew for another one. */
export function useDraft(user: string, conversation: string): [Draft, (change: Partial<Draft>) => void, () => void] {
  const [draft, setDraft] = useState<Draft>(() => ({ ...empty, ...read(`tandem.drafts.${user}`)[conversation] }));
  const change = useCallback(
    (part: Partial<Draft>) =>
      setDraft((before) => {
        const next = { ...before, ...part };
        write(user, conversation, next);
        return next;
      }),
    [user, conversation],
  );
  const clear = useCallback(
    () =>
      setDraft((before) => {
        const next = { ...empty, note: before.note };
        write(user, conversation, next);
        return next;
      }),
    [user, conversation],
  );
  return [draft, change, clear];
}

/** Whether a conversation has a draft, for its row. */
export const hasDraft = (user: string, conversation: string): boolean =>
  (read(`tandem.drafts.${user}`)[conversation]?.text ?? '') !== '';
