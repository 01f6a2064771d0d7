import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef } from 'react';
import { markRead } from './routes';
import type { Conversation, Message } from './types';

/** Tells the server that the last message was seen; to be called when the end of the conversation is in sight. */
export function useRead(conversation: Conversation, messages: Message[] | undefined): () => void {
  const queries = useQueryClient();
  const told = useRef(0);
  const last = messages?.[messages.length - 1]?.seq ?? 0;
  const unread = conversation.unread > 0;
  const read = useCallback(() => {
    if (!unread || last <= told.current || document.hidden) return;
    told.current = last;
    void markRead(conversation.id, last)
      .then(() => queries.invalidateQueries({ queryKey: ['conversations'] }))
      .catch(() => {
        told.current = 0;
      });
  }, [queries, conversation.id, unread, last]);
  useEffect(() => {
    const seen = () => {
      if (!document.hidden) read();
    };
    document.addEventListener('visibilitychange', seen);
    return () => document.removeEventListener('visibilitychange', seen);
  }, [read]);
  return read;
}
