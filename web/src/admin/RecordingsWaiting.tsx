import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { api, type Schema } from '../api/client';
import { recordingsQuery } from '../api/queries';
import { useAct } from '../api/useSave';
import { useCan } from '../app/session';
import { type Column, DataTable } from '../ui/DataTable';
import { clock } from '../ui/format';
import { notifyDone } from '../ui/notify';
import { Page } from '../ui/Page';
import { State, Tag, type Tone } from '../ui/State';
import { DateTime } from '../ui/time';

type Waiting = Schema['RecordingWaiting'];

const tones: Record<Waiting['state'], Tone> = {
  capturing: 'info',
  sealed: 'info',
  planned: 'warn',
  quarantined: 'bad',
};

export function RecordingsWaiting() {
  const { t } = useTranslation(['admin', 'common']);
  const can = useCan();
  const recordings = useQuery(recordingsQuery);
  const mayRetry = can('write', 'recordings');
  const columns = useMemo(
    (): Column<Waiting>[] => [
      {
        id: 'started',
        header: t('recordings.started'),
        width: 140,
        sort: (r) => Date.parse(r.started_at),
        cell: (r) => <DateTime time={r.started_at} short />,
      },
      { id: 'kind', header: t('prompts.kind'), width: 100, cell: (r) => t(`recordings.kinds.${r.kind}`, r.kind) },
      {
        id: 'length',
        header: t('recordings.length'),
        width: 80,
        align: 'right',
        cell: (r) => <span className="tnum">{clock(r.seconds)}</span>,
      },
      {
        id: 'state',
        header: t('recordings.state'),
        width: 150,
        sort: (r) => r.state,
        cell: (r) => (
          <State tone={tones[r.state] ?? 'quiet'} pulse={r.state === 'capturing'}>
            {t(`recordings.states.${r.state}`, r.state)}
          </State>
        ),
      },
      {
        id: 'parts',
        header: t('recordings.parts'),
        width: 80,
        align: 'right',
        cell: (r) => <span className="tnum">{`${r.confirmed}/${r.parts}`}</span>,
      },
      {
        id: 'tries',
        header: t('recordings.tries'),
        width: 90,
        align: 'right',
        sort: (r) => r.attempts,
        cell: (r) => <span className="tnum">{r.attempts}</span>,
      },
      { id: 'next', header: t('recordings.next'), width: 120, cell: (r) => <DateTime time={r.next_try_at} short /> },
      { id: 'error', header: t('recordings.error'), cell: (r) => <Fault recording={r} /> },
      {
        id: 'deadline',
        header: t('recordings.deadline'),
        width: 130,
        sort: (r) => Date.parse(r.deadline),
        cell: (r) => <DateTime time={r.deadline} short />,
      },
      {
        id: 'actions',
        header: t('common:actions'),
        actions: true,
        width: 110,
        align: 'right',
        cell: (r) => (mayRetry && r.attempts > 0 ? <Retry recording={r} /> : null),
      },
    ],
    [t, mayRetry],
  );
  return (
    <Page title={t('parts.recordings')}>
      <DataTable
        label={t('parts.recordings')}
        rows={recordings.data}
        loading={recordings.isPending}
        error={recordings.error}
        onRetry={recordings.refetch}
        columns={columns}
        rowKey={(r) => r.id}
        sortBy={{ id: 'started', desc: true }}
        empty={t('recordings.empty')}
        emptyText={t('recordings.emptyText')}
      />
    </Page>
  );
}

function Fault({ recording }: { recording: Waiting }) {
  const { t } = useTranslation('admin');
  if (!recording.last_error && !recording.truncated && !recording.incomplete && recording.has_ticket)
    return <span className="quiet">–</span>;
  return (
    <>
      {!recording.has_ticket && <Tag tone="quiet">{t('recordings.noTicket')}</Tag>}{' '}
      {recording.truncated && <Tag tone="warn">{t('recordings.truncated')}</Tag>}{' '}
      {recording.incomplete && <Tag tone="warn">{t('recordings.incomplete')}</Tag>} {recording.last_error}
    </>
  );
}

function Retry({ recording }: { recording: Waiting }) {
  const { t } = useTranslation('admin');
  const retry = useAct({
    act: () => api.POST('/api/v1/recordings/{id}/retry', { params: { path: { id: recording.id } } }),
    nouns: ['recordings'],
    done: () => notifyDone(t('recordings.retried')),
  });
  return (
    <Button variant="default" size="compact-sm" loading={retry.isPending} onClick={() => retry.mutate()}>
      {t('recordings.retry')}
    </Button>
  );
}
