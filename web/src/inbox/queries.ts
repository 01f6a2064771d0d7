import { useDebouncedCallback } from '@mantine/hooks';
import { type QueryClient, queryOptions, useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback } from 'react';
import { noFilter } from './filter';
import * as routes from './routes';
import { emptyThread, merge, type Thread } from './thread';

// Keys that begin with "conversations" are refetched when the live connection tells of any; lists and messages follow by themselves.

export const countsQuery = queryOptions({ queryKey: ['conversations', 'counts'], queryFn: routes.getCounts });

export const conversationQuery = (id: string) =>
  queryOptions({ queryKey: ['conversations', id], queryFn: () => routes.getConversation(id) });

/** What one has open, whatever the list shows: for sounds, notifications and the count of unread ones. */
export const mineQuery = queryOptions({
  queryKey: ['conversations', 'mine'],
  queryFn: async () => (await routes.listConversations({ ...noFilter, state: '' }, '', 100)).items,
});

export const stepsQuery = (id: string) =>
  queryOptions({
    queryKey: ['conversations', id, 'steps'],
    queryFn: async () => (await routes.getSteps(id)).items,
  });

export const earlierQuery = (contact: string) =>
  queryOptions({
    queryKey: ['conversations', 'of', contact],
    queryFn: async () => (await routes.listOf(contact)).items,
  });

export const cannedQuery = queryOptions({
  queryKey: ['canned-responses'],
  queryFn: async () => (await routes.getCanned()).items,
  staleTime: 60_000,
});

export const templatesQuery = (account: string) =>
  queryOptions({
    queryKey: ['channels', account, 'templates'],
    queryFn: async () => (await routes.getTemplates(account)).items,
    staleTime: 60_000,
  });

export const viewsQuery = queryOptions({
  queryKey: ['saved-views'],
  queryFn: async () => (await routes.getViews()).items,
  staleTime: 60_000,
});

const PAGE = 50;

const messagesKey = (id: string) => ['messages', id];

/** The first time the last messages, then all that has changed since: what came meanwhile is never overwritten by an older answer. */
async function loadMessages(queries: QueryClient, id: string): Promise<Thread> {
  const current = () => queries.getQueryData<Thread>(messagesKey(id)) ?? emptyThread;
  if (current() === emptyThread) {
    const { items } = await routes.getMessages(id, { limit: PAGE });
    return merge(current(), items, 'first', items.length < PAGE);
  }
  let thread = current();
  for (;;) {
    const { items } = await routes.getMessages(id, { after_rev: thread.rev, limit: 200 });
    const next = merge(merge(current(), thread.messages), items);
    if (items.length < 200 || next.rev === thread.rev) return next;
    thread = next;
  }
}

/** The messages of a conversation, kept up to date; older asks for the page before. */
export function useThread(id: string) {
  const queries = useQueryClient();
  const query = useQuery({
    queryKey: messagesKey(id),
    queryFn: () => loadMessages(queries, id),
    staleTime: 5_000,
  });
  const older = useCallback(async () => {
    const thread = queries.getQueryData<Thread>(messagesKey(id));
    const first = thread?.messages[0];
    if (!thread || thread.whole || !first) return;
    const { items } = await routes.getMessages(id, { before_seq: first.seq, limit: PAGE });
    queries.setQueryData<Thread>(messagesKey(id), (now) => merge(now ?? thread, items, 'older', items.length < PAGE));
  }, [queries, id]);
  return { ...query, older };
}

/** Asks for what has changed in a conversation's messages, if it is shown. */
export function refreshMessages(queries: QueryClient, id: string | undefined): void {
  void queries.invalidateQueries({ queryKey: id ? messagesKey(id) : ['messages'] });
}

// So long a pointer rests on a row that is meant; rows that are scrolled past under it are not.
const MEANT = 80;

/** Fetches a conversation's messages before it is opened. */
export function usePrefetch(): (id: string) => void {
  const queries = useQueryClient();
  return useDebouncedCallback(
    (id: string) =>
      void queries.prefetchQuery({
        queryKey: messagesKey(id),
        queryFn: () => loadMessages(queries, id),
        staleTime: 5_000,
      }),
    MEANT,
  );
}

/** What rings at one; a conversation that went elsewhere meanwhile is left out. */
export const offeredQuery = queryOptions({
  queryKey: ['conversations', 'offered'],
  queryFn: async () => {
    const { ringing } = await routes.getCounts();
    const found = await Promise.allSettled(ringing.map((one) => routes.getConversation(one.item)));
    return found.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  },
});
