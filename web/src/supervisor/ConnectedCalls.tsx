import type { UseQueryResult } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { useCallerText } from '../ui/caller';
import { type Column, DataTable } from '../ui/DataTable';
import { QueuePath, State } from '../ui/State';
import { Elapsed } from '../ui/time';
import { CallToolbar } from './CallToolbar';
import { EndCall } from './EndCall';
import { filterCalls } from './filters';

type Call = Schema['CallRow'];

export function ConnectedCalls({ calls, onOpen }: { calls: UseQueryResult<Call[]>; onOpen: (id: string) => void }) {
  const { t } = useTranslation(['supervisor', 'common']);
  const caller = useCallerText();
  const [text, setText] = useState('');
  const [queue, setQueue] = useState('');
  const columns = useMemo(
    (): Column<Call>[] => [
      {
        id: 'state',
        header: t('state'),
        width: 130,
        sort: (c) => c.state,
        cell: (c) => <State tone={c.state === 'held' ? 'warn' : 'good'}>{t(`common:call.${c.state}`, c.state)}</State>,
      },
      {
        id: 'agent',
        header: t('agent'),
        sort: (c) => c.agent_name ?? '',
        cell: (c) => c.agent_name || <span className="quiet">–</span>,
      },
      { id: 'caller', header: t('caller'), sort: caller, cell: (c) => <span className="tnum">{caller(c)}</span> },
      {
        id: 'queue',
        header: t('queue'),
        sort: (c) => c.queue_path.join(' '),
        cell: (c) => <QueuePath path={c.queue_path} />,
      },
      { id: 'number', header: t('number'), cell: (c) => <span className="tnum">{c.number}</span> },
      {
        id: 'talking',
        header: t('talking'),
        width: 110,
        align: 'right',
        sort: (c) => Date.parse(c.connected_at ?? c.started_at),
        cell: (c) => <Elapsed since={c.connected_at ?? c.started_at} />,
      },
      {
        id: 'actions',
        header: t('common:actions'),
        actions: true,
        align: 'right',
        width: 60,
        cell: (c) => <EndCall call={c} />,
      },
    ],
    [t, caller],
  );
  return (
    <>
      <CallToolbar text={text} onText={setText} queue={queue} onQueue={setQueue} />
      <DataTable
        label={t('connected')}
        rows={filterCalls(calls.data, text, queue)}
        loading={calls.isPending}
        error={calls.error}
        onRetry={calls.refetch}
        columns={columns}
        rowKey={(c) => c.call_id}
        onOpen={(c) => onOpen(c.call_id)}
        sortBy={{ id: 'talking', desc: false }}
        empty={calls.data?.length ? t('noMatch') : t('emptyConnected')}
        emptyText={calls.data?.length ? undefined : t('emptyConnectedText')}
      />
    </>
  );
}
