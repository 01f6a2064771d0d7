import type { UseQueryResult } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { Flags } from '../desktop/Flags';
import { useCallerText } from '../ui/caller';
import { type Column, DataTable } from '../ui/DataTable';
import { secondsSince } from '../ui/format';
import { QueuePath, State } from '../ui/State';
import { Elapsed, useNow } from '../ui/time';
import { CallToolbar } from './CallToolbar';
import { EndCall } from './EndCall';
import { filterCalls } from './filters';
import classes from './supervisor.module.css';

type Call = Schema['CallRow'];

// Shown as late from here on; the queue's own service level is on its page.
const LATE = 60;

export function QueuedCalls({ calls, onOpen }: { calls: UseQueryResult<Call[]>; onOpen: (id: string) => void }) {
  const { t } = useTranslation(['supervisor', 'common']);
  const caller = useCallerText();
  const [text, setText] = useState('');
  const [queue, setQueue] = useState('');
  const columns = useMemo(
    (): Column<Call>[] => [
      {
        id: 'waiting',
        header: t('waiting'),
        width: 110,
        sort: (c) => Date.parse(c.queued_at ?? c.started_at),
        cell: (c) => <Waiting since={c.queued_at ?? c.started_at} />,
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
        id: 'state',
        header: t('state'),
        sort: (c) => c.state,
        cell: (c) => (
          <State tone={c.state === 'waiting' ? 'warn' : 'info'} pulse={c.state !== 'waiting'}>
            {t(`common:call.${c.state}`, c.state)}
          </State>
        ),
      },
      { id: 'flags', header: t('flags'), cell: (c) => <Flags reserved={c.reserved} /> },
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
        label={t('queued')}
        rows={filterCalls(calls.data, text, queue)}
        loading={calls.isPending}
        error={calls.error}
        onRetry={calls.refetch}
        columns={columns}
        rowKey={(c) => c.call_id}
        onOpen={(c) => onOpen(c.call_id)}
        sortBy={{ id: 'waiting', desc: false }}
        empty={calls.data?.length ? t('noMatch') : t('emptyQueued')}
        emptyText={calls.data?.length ? undefined : t('emptyQueuedText')}
      />
    </>
  );
}

function Waiting({ since }: { since: string }) {
  const { t } = useTranslation('supervisor');
  const late = secondsSince(since, useNow()) > LATE;
  return (
    <span className={late ? classes.late : undefined} title={late ? t('waitingLong') : undefined}>
      <Elapsed since={since} />
    </span>
  );
}
