import { Button, Group, NativeSelect, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { useAct } from '../api/useSave';
import { useCan } from '../app/session';
import { type Column, DataTable } from '../ui/DataTable';
import { Page } from '../ui/Page';
import { State, type Tone } from '../ui/State';
import { DateTime } from '../ui/time';
import { Ladder } from './Ladder';

type Dialog = Schema['TracedDialog'];

/** SIP messages as they went over the wire, kept for a time. */
export function SIPTrace() {
  const { t } = useTranslation(['trace', 'admin', 'common']);
  const may = useCan()('write', 'trunks');
  const [minutes, setMinutes] = useState('15');
  const [open, setOpen] = useState<string | null>(null);
  const trace = useQuery({
    queryKey: ['sip-trace'],
    queryFn: () => body(api.GET('/api/v1/sip-trace')),
    refetchInterval: 5000,
  });
  const change = useAct<number>({
    act: (lasts) => body(api.PUT('/api/v1/sip-trace', { body: { minutes: lasts } })),
    nouns: ['sip-trace'],
  });
  const on = !!trace.data?.until;
  const columns = useMemo(
    (): Column<Dialog>[] => [
      {
        id: 'at',
        header: t('common:time'),
        width: 150,
        sort: (d) => d.at,
        cell: (d) => <DateTime time={d.at} short />,
      },
      { id: 'method', header: t('method'), width: 120, sort: (d) => d.method, cell: (d) => d.method },
      {
        id: 'status',
        header: t('answer'),
        width: 140,
        cell: (d) =>
          d.status ? <State tone={tone(d.status)}>{String(d.status)}</State> : <span className="quiet">–</span>,
      },
      { id: 'peer', header: t('peer'), cell: (d) => <span className="tnum">{d.peer}</span> },
      {
        id: 'messages',
        header: t('messages'),
        width: 110,
        align: 'right',
        cell: (d) => <span className="tnum">{d.messages.length}</span>,
      },
    ],
    [t],
  );
  const dialog = trace.data?.dialogs.find((d) => d.id === open);
  return (
    <Page
      title={t('admin:parts.trace')}
      note={t('lead')}
      actions={
        may &&
        (on ? (
          <Button variant="default" loading={change.isPending} onClick={() => change.mutate(0)}>
            {t('off')}
          </Button>
        ) : (
          <Group gap="xs" wrap="nowrap">
            <NativeSelect
              aria-label={t('howLong')}
              value={minutes}
              onChange={(event) => setMinutes(event.currentTarget.value)}
              data={['5', '15', '60'].map((value) => ({ value, label: t('minutes', { count: Number(value) }) }))}
            />
            <Button loading={change.isPending} onClick={() => change.mutate(Number(minutes))}>
              {t('on')}
            </Button>
          </Group>
        ))
      }
    >
      <Stack gap="md">
        <div aria-live="polite" style={{ minHeight: 22 }}>
          {trace.data?.until && (
            <State tone="good">{`${t('until')} ${new Date(trace.data.until).toLocaleTimeString()}`}</State>
          )}
        </div>
        <DataTable
          label={t('admin:parts.trace')}
          rows={trace.data?.dialogs}
          loading={trace.isPending}
          error={trace.error}
          onRetry={trace.refetch}
          columns={columns}
          rowKey={(d) => d.id}
          onOpen={(d) => setOpen(d.id)}
          empty={on ? t('emptyOn') : t('empty')}
          emptyText={on ? t('emptyOnText') : t('emptyText')}
        />
      </Stack>
      {dialog && <Ladder dialog={dialog} onClose={() => setOpen(null)} />}
    </Page>
  );
}

function tone(status: number): Tone {
  if (status < 300) return 'good';
  return status === 401 || status === 407 ? 'quiet' : 'bad';
}
