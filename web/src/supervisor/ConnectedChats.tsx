import { useInfiniteQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ChannelIcon } from '../inbox/channels';
import { anyState, noFilter } from '../inbox/filter';
import { usePersonName } from '../inbox/name';
import { listConversations } from '../inbox/routes';
import { joined } from '../inbox/rows';
import type { Conversation } from '../inbox/types';
import { type Column, DataTable } from '../ui/DataTable';
import { MoreButton } from '../ui/MoreButton';
import { QueuePath, State } from '../ui/State';
import { Elapsed } from '../ui/time';
import { ChatActions, useChatRights } from './ChatActions';
import { ChatToolbar } from './ChatToolbar';
import { type ChatFilters, connectedChats, noChatFilters } from './chats';
import classes from './supervisor.module.css';
import { WatchedChats } from './WatchedChats';

// What nobody has told of is looked at again so often.
const AGAIN = 10_000;
const PAGE = 200;

const chatsQuery = (filters: ChatFilters) => {
  const filter = {
    ...noFilter,
    view: 'all',
    state: filters.text.trim() ? anyState : '',
    channel: filters.channel,
    queue: filters.queue,
    search: filters.text,
  };
  return {
    queryKey: ['conversations', 'connected', filter],
    initialPageParam: '',
    queryFn: ({ pageParam }: { pageParam: string }) => listConversations(filter, pageParam, PAGE),
    getNextPageParam: (page: { next_cursor: string }) => page.next_cursor || undefined,
    refetchInterval: AGAIN,
  };
};

/** Chats that an agent has, and those that one looks on at. */
export function ConnectedChats(props: { open: string | undefined; onOpen: (id: string) => void }) {
  const { t } = useTranslation(['supervisor', 'common', 'inbox']);
  const rights = useChatRights();
  const name = usePersonName();
  const [filters, setFilters] = useState(noChatFilters);
  const found = useInfiniteQuery(chatsQuery(filters));
  const all = useMemo(() => found.data && joined(found.data.pages), [found.data]);
  const rows = useMemo(() => connectedChats(all, filters), [all, filters]);
  const columns = useMemo(
    (): Column<Conversation>[] => [
      {
        id: 'state',
        header: t('state'),
        width: 160,
        sort: (row) => row.state,
        cell: (row) =>
          row.state === 'snoozed' ? (
            <State tone="quiet">{t('inbox:state.snoozed')}</State>
          ) : row.unanswered > 0 ? (
            <State tone="warn">{t('unanswered', { count: row.unanswered })}</State>
          ) : (
            <State tone="good">{t('answered')}</State>
          ),
      },
      {
        id: 'agent',
        header: t('agent'),
        sort: (row) => row.owner_name ?? '',
        cell: (row) => row.owner_name || t('inbox:bot'),
      },
      {
        id: 'customer',
        header: t('customer'),
        sort: name,
        cell: (row) => (
          <span className={classes.cell}>
            <ChannelIcon channel={row.channel} />
            {name(row)}
          </span>
        ),
      },
      {
        id: 'queue',
        header: t('queue'),
        sort: (row) => row.queue_path.join(' '),
        cell: (row) => <QueuePath path={row.queue_path} />,
      },
      { id: 'account', header: t('account'), sort: (row) => row.account.label, cell: (row) => row.account.label },
      {
        id: 'last',
        header: t('lastMessage'),
        width: 120,
        align: 'right',
        sort: (row) => -Date.parse(row.last_at),
        cell: (row) => <Elapsed since={row.last_at} />,
      },
      {
        id: 'actions',
        header: t('common:actions'),
        actions: true,
        align: 'right',
        width: 84,
        cell: (row) => (
          <ChatActions chat={{ id: row.id, name: name(row), priority: row.priority, waits: false }} rights={rights} />
        ),
      },
    ],
    [t, name, rights],
  );
  const none = rows?.length === 0 && filters === noChatFilters;
  return (
    <>
      <WatchedChats onOpen={props.onOpen} rights={rights} />
      <ChatToolbar filters={filters} onChange={setFilters} />
      <DataTable
        label={t('chatsConnected')}
        rows={rows}
        loading={found.isPending}
        error={found.error}
        onRetry={() => void found.refetch()}
        columns={columns}
        rowKey={(row) => row.id}
        onOpen={(row) => props.onOpen(row.id)}
        selected={props.open ?? ''}
        sortBy={{ id: 'last', desc: false }}
        empty={none ? t('emptyChatsConnected') : t('noMatch')}
        emptyText={none ? t('emptyChatsConnectedText') : undefined}
        footer={<MoreButton query={found} />}
      />
    </>
  );
}
