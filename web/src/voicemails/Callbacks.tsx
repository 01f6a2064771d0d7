import { Button, Group, SegmentedControl } from '@mantine/core';
import { IconPhoneOutgoing } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, type Schema } from '../api/client';
import { callbacksQuery, queuesQuery } from '../api/queries';
import { useAct } from '../api/useSave';
import { useCan } from '../app/session';
import { useConfirm } from '../ui/confirm';
import { type Column, DataTable } from '../ui/DataTable';
import { State } from '../ui/State';
import { DateTime } from '../ui/time';
import { MoveCallback } from './MoveCallback';
import { NewCallback } from './NewCallback';
import classes from './voicemails.module.css';

type Callback = Schema['Callback'];

const tones = {
  scheduled: 'info',
  waiting: 'warn',
  dialing: 'info',
  done: 'good',
  given_up: 'bad',
  cancelled: 'quiet',
} as const;

/** Who is to be called: at their turn, or at the time they chose. */
export function Callbacks() {
  const { t } = useTranslation(['voicemail', 'common']);
  const can = useCan();
  const confirm = useConfirm();
  const [state, setState] = useState<'open' | 'all'>('open');
  const [making, setMaking] = useState(false);
  const [moving, setMoving] = useState<Callback | null>(null);
  const callbacks = useQuery(callbacksQuery(state === 'open'));
  const queues = useQuery(queuesQuery);
  const writes = can('write', 'callbacks');
  const cancel = useAct({
    act: (id: string) => api.DELETE('/api/v1/callbacks/{id}', { params: { path: { id } } }),
    nouns: ['callbacks'],
  });
  const columns = useMemo((): Column<Callback>[] => {
    const names = new Map(queues.data?.map((q) => [q.id, q.name]));
    return [
      {
        id: 'state',
        header: t('common:state'),
        width: 140,
        sort: (c) => c.state,
        cell: (c) => <State tone={tones[c.state]}>{t(`callbackStates.${c.state}`)}</State>,
      },
      {
        id: 'caller',
        header: t('customer'),
        sort: (c) => c.name || c.number,
        cell: (c) => <strong style={{ fontWeight: 550 }}>{[c.name, c.number].filter(Boolean).join(' · ')}</strong>,
      },
      { id: 'queue', header: t('queue'), cell: (c) => names.get(c.queue_id) ?? '–' },
      { id: 'note', header: t('note'), cell: (c) => c.note || <span className="quiet">–</span> },
      {
        id: 'attempts',
        header: t('attempts'),
        width: 110,
        align: 'right',
        cell: (c) => <span className="tnum">{c.attempts}</span>,
      },
      {
        id: 'at',
        header: t('placeSince'),
        width: 170,
        align: 'right',
        sort: (c) => Date.parse(c.slot_at ?? c.enqueued_at),
        cell: (c) => <DateTime time={c.slot_at ?? c.enqueued_at} short />,
      },
      {
        id: 'actions',
        header: t('common:actions'),
        width: 190,
        actions: true,
        cell: (c) =>
          writes &&
          (c.state === 'scheduled' || c.state === 'waiting') && (
            <Group gap={6} wrap="nowrap" justify="flex-end">
              {c.state === 'scheduled' && (
                <Button variant="default" size="compact-xs" onClick={() => setMoving(c)}>
                  {t('move')}
                </Button>
              )}
              <Button
                variant="default"
                size="compact-xs"
                onClick={() =>
                  confirm({
                    title: t('cancelTitle'),
                    text: t('cancelText', { who: c.name || c.number }),
                    action: t('cancelAction'),
                    onConfirm: () => cancel.mutate(c.id),
                  })
                }
              >
                {t('cancelAction')}
              </Button>
            </Group>
          ),
      },
    ];
  }, [t, queues.data, writes, confirm, cancel.mutate]);
  return (
    <>
      <div className={classes.toolbar}>
        <SegmentedControl
          aria-label={t('common:state')}
          value={state}
          onChange={(value) => setState(value as 'open' | 'all')}
          data={[
            { value: 'open', label: t('open') },
            { value: 'all', label: t('all') },
          ]}
        />
        {writes && (
          <Button leftSection={<IconPhoneOutgoing size={16} />} onClick={() => setMaking(true)}>
            {t('newCallback')}
          </Button>
        )}
      </div>
      <DataTable
        label={t('callbacks')}
        rows={callbacks.data}
        loading={callbacks.isPending}
        error={callbacks.error}
        onRetry={callbacks.refetch}
        columns={columns}
        rowKey={(c) => c.id}
        sortBy={{ id: 'at', desc: false }}
        empty={t('noCallbacks')}
        emptyText={t('noCallbacksText')}
      />
      {making && <NewCallback onClose={() => setMaking(false)} />}
      {moving && <MoveCallback callback={moving} onClose={() => setMoving(null)} />}
    </>
  );
}
