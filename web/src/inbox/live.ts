import { type InfiniteData, useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo, useSyncExternalStore } from 'react';
import type { Schema } from '../api/client';
import { useMe } from '../app/session';
import type { LogEvent } from '../phone/protocol';
import { usePhone } from '../phone/react';
import { belongs, type Filter } from './filter';
import { refreshMessages } from './queries';
import { listConversations } from './routes';
import { joined, mergeHead, mergeRow } from './rows';
import type { Conversation } from './types';

// How long a page waits for more news before it asks: news come in bursts.
const LIST_EVERY = 500;
const MESSAGES_EVERY = 150;
const UNTOLD_EVERY = 10_000;
// How long one sign of typing lasts.
const TYPING = 6_000;

const isOurs = (event: LogEvent): boolean => event.type.startsWith('conversation.');

type Pages = InfiniteData<Schema['PageConversation'], string>;

/**
 * The list of conversations, page after page, kept up to date: news fetch the first page again and lay it over what is loaded, so that a
 * list of ten thousand costs no more than one of fifty.
 */
export function useConversations(filter: Filter) {
  const phone = usePhone();
  const queries = useQueryClient();
  const me = useMe().id;
  const key = useMemo(() => ['inbox', filter], [filter]);
  const query = useInfiniteQuery({
    queryKey: key,
    initialPageParam: '',
    queryFn: ({ pageParam }) => listConversations(filter, pageParam),
    getNextPageParam: (page) => page.next_cursor || undefined,
    staleTime: Number.POSITIVE_INFINITY,
    structuralSharing: false, // rows.ts keeps what is the same; a search for it through all rows, at each page, would be seen
    refetchOnReconnect: false,
    refetchOnMount: false,
  });
  const rows = useMemo(() => query.data && joined(query.data.pages), [query.data]);

  const refresh = useCallback(async () => {
    if (!queries.getQueryData<Pages>(key)) return;
    const head = await listConversations(filter, '');
    queries.setQueryData<Pages>(key, (now) => (now ? withHead(now, head) : now));
  }, [queries, key, filter]);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const again = () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        void refresh().catch(() => undefined); // the next news ask again
      }, LIST_EVERY);
    };
    // Who waits for anybody is told to nobody in particular.
    const poll = filter.view === 'mine' ? undefined : setInterval(again, UNTOLD_EVERY);
    again(); // what is shown may be from the last time that this list was open
    let online = phone.getState().link === 'online';
    const offs = [
      phone.onLog((event) => isOurs(event) && event.type !== 'conversation.typing' && again()),
      phone.subscribe(() => {
        const now = phone.getState().link === 'online';
        if (now && !online) again();
        online = now;
      }),
    ];
    return () => {
      clearTimeout(timer);
      clearInterval(poll);
      for (const off of offs) off();
    };
  }, [phone, refresh, filter.view]);

  /** Lays a conversation that was fetched by itself into the list, or takes it out. */
  const put = useCallback(
    (row: Conversation) => {
      const stays = belongs(row, filter, me);
      queries.setQueryData<Pages>(key, (now) => {
        if (!now) return now;
        const all = joined(now.pages);
        const known = all.some((other) => other.id === row.id);
        return known ? onePage(now, mergeRow(all, row, stays ?? true)) : now;
      });
    },
    [queries, key, filter, me],
  );
  return { ...query, rows, put };
}

function onePage(now: Pages, items: Conversation[]): Pages {
  const last = now.pages[now.pages.length - 1];
  return { pages: [{ items, next_cursor: last?.next_cursor ?? '' }], pageParams: [''] };
}

function withHead(now: Pages, head: Schema['PageConversation']): Pages {
  const all = joined(now.pages);
  const fresh = new Set(head.items.map((row) => row.id));
  const whole = head.next_cursor === '';
  // More has come than a page holds: what lies between is not known.
  const gap = all.length > 0 && !all.some((row) => fresh.has(row.id));
  if (whole || gap) return { pages: [{ ...head, items: mergeHead(all, head.items, true) }], pageParams: [''] };
  return onePage(now, mergeHead(all, head.items, false));
}

const typing = new Map<string, number>();
const typingListeners = new Set<() => void>();

const tellTyping = () => {
  for (const tell of typingListeners) tell();
};

function customerTypes(conversation: string): void {
  const until = Date.now() + TYPING;
  typing.set(conversation, until);
  tellTyping();
  setTimeout(() => {
    if (typing.get(conversation) !== until) return;
    typing.delete(conversation);
    tellTyping();
  }, TYPING);
}

const listenTyping = (listener: () => void) => {
  typingListeners.add(listener);
  return () => void typingListeners.delete(listener);
};

/** Whether the customer types just now. */
export const useTyping = (conversation: string): boolean =>
  useSyncExternalStore(listenTyping, () => typing.has(conversation));

/** Follows the news of conversations as long as it is mounted: once for the whole page. */
export function useInboxNews(): void {
  const phone = usePhone();
  const queries = useQueryClient();
  useEffect(() => {
    const stale = new Set<string | undefined>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const refresh = () => {
      timer = undefined;
      for (const id of stale) {
        refreshMessages(queries, id);
        // The customer has said it: they type no more.
        if (id && typing.delete(id)) tellTyping();
      }
      stale.clear();
    };
    const touch = (id: string | undefined) => {
      stale.add(id);
      timer ??= setTimeout(refresh, MESSAGES_EVERY);
    };
    let online = phone.getState().link === 'online';
    const offs = [
      phone.onLog((event) => {
        if (!isOurs(event)) return;
        if (event.type === 'conversation.typing') {
          if (event.subject) customerTypes(event.subject);
          return;
        }
        if (event.type === 'conversation.offered' || event.type === 'conversation.offer_ended')
          void queries.invalidateQueries({ queryKey: ['conversations', 'offered'] });
        touch(event.subject);
      }),
      phone.subscribe(() => {
        const now = phone.getState().link === 'online';
        if (now && !online) touch(undefined);
        online = now;
      }),
    ];
    return () => {
      clearTimeout(timer);
      for (const off of offs) off();
    };
  }, [phone, queries]);
}
