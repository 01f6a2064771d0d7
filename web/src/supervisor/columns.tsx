import { IconAlertTriangle, IconHeadphones } from '@tabler/icons-react';
import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import { Flags } from '../desktop/Flags';
import { usePhoneState } from '../phone/react';
import type { Column } from '../ui/DataTable';
import { OutboundMark, QueuePath, State, Tag } from '../ui/State';
import { CallActions, type CallRights } from './CallActions';
import { type CallLine, stateOf } from './filters';
import classes from './supervisor.module.css';

type T = TFunction<['supervisor', 'common']>;
type Caller = (line: CallLine) => string;

/** Columns that both lists of calls have. */
export const queueColumn = (t: T): Column<CallLine> => ({
  id: 'queue',
  header: t('queue'),
  sort: ({ call, item }) => call?.queue_path.join(' ') || (item?.queue_name ?? ''),
  cell: ({ call, item }) => <QueuePath path={call?.queue_path ?? (item && [item.queue_name])} />,
});

export const callerColumn = (t: T, caller: Caller): Column<CallLine> => ({
  id: 'caller',
  header: t('caller'),
  sort: caller,
  cell: (line) => (
    <span className={classes.cell}>
      {line.call?.direction === 'outbound' && <OutboundMark />}
      <span className="tnum">{caller(line)}</span>
      <ListeningMark call={line.id} label={t('youListen')} />
      {line.call && Object.keys(line.call.reserved).length > 0 && <Flags reserved={line.call.reserved} />}
    </span>
  ),
});

export const numberColumn = (t: T): Column<CallLine> => ({
  id: 'number',
  header: t('number'),
  width: 110,
  sort: ({ call }) => call?.number ?? '',
  cell: ({ call }) => <span className="tnum">{call?.number}</span>,
});

export const stateColumn = (t: T): Column<CallLine> => ({
  id: 'state',
  header: t('state'),
  width: 190,
  sort: (line) => stateOf(line),
  cell: (line) => (
    <span className={classes.cell}>
      {line.item?.kind === 'callback' && !line.call ? (
        <State tone="info">{t('callback')}</State>
      ) : (
        <State tone={tones[stateOf(line)] ?? 'info'} pulse={stateOf(line) === 'offering'}>
          {t(`common:call.${stateOf(line)}`, stateOf(line))}
        </State>
      )}
      {line.call?.stuck && <StuckTag cause={line.call.stuck} />}
    </span>
  ),
});

export const actionsColumn = (t: T, caller: Caller, rights: CallRights): Column<CallLine> => ({
  id: 'actions',
  header: t('common:actions'),
  actions: true,
  align: 'right',
  width: 84,
  cell: (line) => <CallActions line={line} name={caller(line)} rights={rights} />,
});

const tones: Record<string, 'good' | 'warn'> = { talking: 'good', held: 'warn', waiting: 'warn' };

function ListeningMark({ call, label }: { call: string; label: string }) {
  const mine = usePhoneState((s) => s.supervision?.call === call && s.supervision.state !== 'ended');
  return mine ? <IconHeadphones size={16} color="var(--t-info)" aria-label={label} /> : null;
}

/** Says that a call does not end by itself, and why. */
export function StuckTag({ cause }: { cause: string }) {
  const { t } = useTranslation('supervisor');
  return (
    <span className={classes.cell} style={{ color: 'var(--t-bad)' }}>
      <IconAlertTriangle size={14} aria-hidden />
      <Tag tone="bad" title={t(`stuckCause.${cause}`)}>
        {t('stuck')}
      </Tag>
    </span>
  );
}
