import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ChannelIcon } from '../inbox/channels';
import { type Column, DataTable } from '../ui/DataTable';
import { secondsSince } from '../ui/format';
import { State } from '../ui/State';
import { Elapsed, useNow } from '../ui/time';
import { ChatActions, useChatRights } from './ChatActions';
import { ChatToolbar } from './ChatToolbar';
import { noChatFilters, queuedChats } from './chats';
import type { QueuedItem } from './filters';
import classes from './supervisor.module.css';

// Shown as late from here on; the queue's own service level is on its page.
const LATE = 120;

/** Chats that wait for an agent, or ring at one. */
export function QueuedChats(props: {
  items: QueuedItem[] | undefined;
  open: string | undefined;
  onOpen: (id: string) => void;
}) {
  const { t } = useTranslation(['supervisor', 'common', 'inbox']);
  const rights = useChatRights();
  const [filters, setFilters] = useState(noChatFilters);
  const rows = useMemo(() => queuedChats(props.items, filters), [props.items, filters]);
  const columns = useMemo(
    (): Column<QueuedItem>[] => [
      {
        id: 'waiting',
        header: t('waiting'),
        width: 100,
        sort: (item) => Date.parse(item.enqueued_at),
        cell: (item) => <Waiting since={item.enqueued_at} />,
      },
      {
        id: 'customer',
        header: t('customer'),
        sort: (item) => item.caller ?? '',
        cell: (item) => (
          <span className={classes.cell}>
            <ChannelIcon channel={item.channel} />
            {item.caller || t('inbox:nameless')}
          </span>
        ),
      },
      { id: 'queue', header: t('queue'), sort: (item) => item.queue_name, cell: (item) => item.queue_name },
      {
        id: 'priority',
        header: t('priority'),
        width: 90,
        align: 'right',
        sort: (item) => -item.priority,
        cell: (item) => <span className="tnum">{item.priority}</span>,
      },
      {
        id: 'state',
        header: t('state'),
        width: 140,
        sort: (item) => (item.agent ? 1 : 0),
        cell: (item) =>
          item.agent ? (
            <State tone="info" pulse>
              {t('common:call.offering')}
            </State>
          ) : (
            <State tone="warn">{t('common:call.waiting')}</State>
          ),
      },
      {
        id: 'agent',
        header: t('ringsAt'),
        sort: (item) => item.agent_name ?? '',
        cell: (item) => item.agent_name || <span className="quiet">–</span>,
      },
      {
        id: 'actions',
        header: t('common:actions'),
        actions: true,
        align: 'right',
        width: 84,
        cell: (item) => (
          <ChatActions
            chat={{ id: item.id, name: item.caller || t('inbox:nameless'), priority: item.priority, waits: true }}
            rights={rights}
          />
        ),
      },
    ],
    [t, rights],
  );
  const none = props.items?.every((item) => item.kind !== 'chat') ?? false;
  return (
    <>
      <ChatToolbar filters={filters} onChange={setFilters} />
      <DataTable
        label={t('chatsQueued')}
        rows={rows}
        loading={!props.items}
        columns={columns}
        rowKey={idOf}
        onOpen={(item) => props.onOpen(item.id)}
        selected={props.open ?? ''}
        sortBy={{ id: 'waiting', desc: false }}
        empty={none ? t('emptyQueued') : t('noMatch')}
        emptyText={none ? t('emptyChatsQueuedText') : undefined}
      />
    </>
  );
}

const idOf = (item: QueuedItem): string => item.id;

function Waiting({ since }: { since: string }) {
  const { t } = useTranslation('supervisor');
  const late = secondsSince(since, useNow()) > LATE;
  return (
    <span className={late ? classes.late : undefined} title={late ? t('waitingLong') : undefined}>
      <Elapsed since={since} />
      {late && <span className="sr-only">{t('waitingLong')}</span>}
    </span>
  );
}
