import { Text, UnstyledButton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { recordingsQuery } from '../api/queries';
import { type Column, DataTable } from '../ui/DataTable';
import { clock } from '../ui/format';
import { Page } from '../ui/Page';
import { State, Tag, type Tone } from '../ui/State';
import { DateTime } from '../ui/time';
import { RecordingActions } from './RecordingsWaitingActions';
import { RecordingsAccessKey } from './RecordingsWaitingKey';

type Waiting = Schema['RecordingWaiting'];

const tones: Record<Waiting['state'], Tone> = {
  capturing: 'info',
  sealed: 'info',
  planned: 'warn',
  quarantined: 'bad',
};

export function RecordingsWaiting() {
  const { t } = useTranslation(['admin', 'common']);
  const recordings = useQuery(recordingsQuery);
  const columns = useMemo(
    (): Column<Waiting>[] => [
      {
        id: 'started',
        header: t('recordings.started'),
        width: 140,
        sort: (r) => Date.parse(r.started_at),
        cell: (r) => <DateTime time={r.started_at} short />,
      },
      { id: 'kind', header: t('prompts.kind'), width: 90, cell: (r) => t(`recordings.kinds.${r.kind}`, r.kind) },
      {
        id: 'length',
        header: t('recordings.length'),
        width: 70,
        align: 'right',
        cell: (r) => <span className="tnum">{clock(r.seconds)}</span>,
      },
      {
        id: 'state',
        header: t('recordings.state'),
        width: 120,
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
        width: 60,
        align: 'right',
        cell: (r) => <span className="tnum">{`${r.confirmed}/${r.parts}`}</span>,
      },
      {
        id: 'tries',
        header: t('recordings.tries'),
        width: 60,
        align: 'right',
        sort: (r) => r.attempts,
        cell: (r) => <span className="tnum">{r.attempts}</span>,
      },
      {
        id: 'next',
        header: t('recordings.next'),
        width: 90,
        cell: (r) =>
          r.state === 'quarantined' ? <span className="quiet">–</span> : <DateTime time={r.next_try_at} short />,
      },
      { id: 'error', header: t('recordings.error'), cell: (r) => <Fault recording={r} /> },
      {
        id: 'deadline',
        header: t('recordings.deadline'),
        width: 130,
        sort: (r) => Date.parse(r.deadline),
        cell: (r) => (
          <>
            <DateTime time={r.deadline} short />{' '}
            {r.warned_days > 0 && (
              <Tag tone={r.warned_days < 5 ? 'warn' : 'bad'}>{t('recordings.day', { count: r.warned_days })}</Tag>
            )}
          </>
        ),
      },
      {
        id: 'actions',
        header: t('common:actions'),
        actions: true,
        width: 60,
        align: 'right',
        cell: (r) => <RecordingActions recording={r} />,
      },
    ],
    [t],
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
      <RecordingsAccessKey />
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
      {recording.incomplete && <Tag tone="warn">{t('recordings.incomplete')}</Tag>}{' '}
      {recording.last_error && <LastError text={recording.last_error} />}
    </>
  );
}

// Two lines of it, and all once it is pressed.
function LastError({ text }: { text: string }) {
  const [open, setOpen] = useState(false);
  return (
    <UnstyledButton aria-expanded={open} onClick={() => setOpen(!open)}>
      <Text component="span" size="sm" {...(open ? {} : { lineClamp: 2 })}>
        {text}
      </Text>
    </UnstyledButton>
  );
}
