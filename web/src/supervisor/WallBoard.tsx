import { Button, Group, Select } from '@mantine/core';
import { useFullscreenElement } from '@mantine/hooks';
import { IconArrowsMaximize, IconArrowsMinimize } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { liveQueuesQuery } from '../api/queries';
import { ErrorNotice } from '../ui/ErrorNotice';
import { clock } from '../ui/format';
import { EmptyState } from '../ui/Page';
import { QueueTile, TileSkeleton } from './QueueTile';
import classes from './wallboard.module.css';

type Agent = Schema['AgentStatus'];

const orders = ['attention', 'name', 'waiting'] as const;
type Order = (typeof orders)[number];

/** Every queue at a glance, also from across the room: waiting, agents, and how today has gone. */
export function WallBoard({ agents }: { agents: Agent[] | undefined }) {
  const { t } = useTranslation(['supervisor', 'common']);
  const board = useQuery(liveQueuesQuery);
  const { ref, toggle, fullscreen } = useFullscreenElement<HTMLDivElement>();
  const [order, setOrder] = useState<Order>('attention');
  const queues = sorted(board.data?.queues ?? [], order);
  const sum = (of: (q: Schema['LiveQueue']) => number) => queues.reduce((n, q) => n + of(q), 0);
  const longest = Math.max(0, ...queues.map((q) => q.longest_wait_seconds));
  const by = (state: (a: Agent) => boolean) => agents?.filter(state).length ?? 0;
  return (
    <div ref={ref} className={classes.board} data-full={fullscreen || undefined}>
      <Group justify="space-between" gap="sm">
        <Select
          aria-label={t('boardOrder')}
          w={220}
          comboboxProps={{ withinPortal: !fullscreen }}
          data={orders.map((value) => ({ value, label: t(`boardOrders.${value}`) }))}
          value={order}
          onChange={(value) => setOrder(value as Order)}
        />
        <Button
          variant="default"
          leftSection={
            fullscreen ? <IconArrowsMinimize size={16} aria-hidden /> : <IconArrowsMaximize size={16} aria-hidden />
          }
          onClick={() => void toggle()}
        >
          {fullscreen ? t('leaveFullScreen') : t('fullScreen')}
        </Button>
      </Group>
      {board.error && <ErrorNotice error={board.error} onRetry={board.refetch} />}
      <dl className={classes.totals} aria-label={t('allQueues')}>
        <Total name={t('waiting')} value={String(sum((q) => q.waiting))} />
        <Total name={t('longestWait')} value={clock(longest)} />
        <Total name={t('withCustomers')} value={String(by((a) => a.state === 'INTERACTING' || a.state === 'HELD'))} />
        <Total
          name={t('readyAgents')}
          value={String(by((a) => a.state === 'IDLE' && (a.always_available || a.presence === 'AVAILABLE')))}
        />
        <Total name={t('wrapUp')} value={String(by((a) => a.state === 'WRAP_UP'))} />
        <Total name={t('awayAgents')} value={String(by((a) => a.presence === 'AWAY' || a.presence === 'BUSY'))} />
        <Total name={t('abandonedToday')} value={String(sum((q) => q.today.abandoned))} />
      </dl>
      {board.data && queues.length === 0 && <EmptyState title={t('emptyQueues')} text={t('emptyQueuesText')} />}
      <div className={classes.tiles}>
        {!board.data && !board.error && [0, 1, 2].map((n) => <TileSkeleton key={n} />)}
        {queues.map((queue) => (
          <QueueTile key={queue.queue} queue={queue} />
        ))}
      </div>
    </div>
  );
}

function sorted(queues: Schema['LiveQueue'][], order: Order): Schema['LiveQueue'][] {
  const byName = (a: Schema['LiveQueue'], b: Schema['LiveQueue']) => a.name.localeCompare(b.name);
  if (order === 'name') return [...queues].sort(byName);
  if (order === 'waiting') return [...queues].sort((a, b) => b.waiting - a.waiting || byName(a, b));
  return [...queues].sort(
    (a, b) => b.longest_wait_seconds - a.longest_wait_seconds || b.waiting - a.waiting || byName(a, b),
  );
}

function Total({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="tnum">{value}</dd>
    </div>
  );
}
