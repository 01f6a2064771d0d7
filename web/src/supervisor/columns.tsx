import { Tooltip } from '@mantine/core';
import { IconAlertTriangle, IconHeadphones } from '@tabler/icons-react';
import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import { Flags } from '../desktop/Flags';
import { usePhoneState } from '../phone/react';
import type { Column } from '../ui/DataTable';
import { QueuePath, State, Tag } from '../ui/State';
import { type CallLine, stateOf } from './filters';

type T = TFunction<['supervisor', 'common']>;

/** Columns that both lists of calls have. */
export const queueColumn = (t: T): Column<CallLine> => ({
  id: 'queue',
  header: t('queue'),
  sort: ({ call, item }) => call?.queue_path.join(' ') || (item?.queue_name ?? ''),
  cell: ({ call, item }) => <QueuePath path={call?.queue_path ?? (item && [item.queue_name])} />,
});

export const callerColumn = (t: T, caller: (line: CallLine) => string): Column<CallLine> => ({
  id: 'caller',
  header: t('caller'),
  sort: caller,
  cell: (line) => <CallerCell line={line} caller={caller(line)} />,
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
  cell: (line) => <StateCell line={line} />,
});

function CallerCell({ line, caller }: { line: CallLine; caller: string }) {
  return (
    <span style={{ display: 'inline-flex', alignItems: 'center', gap: 8 }}>
      <span className="tnum">{caller}</span>
      <ListeningMark call={line.id} />
      <Flags reserved={line.call?.reserved} />
    </span>
  );
}

function ListeningMark({ call }: { call: string }) {
  const { t } = useTranslation('supervisor');
  const mine = usePhoneState((s) => s.supervision?.call === call && s.supervision.state !== 'ended');
  return mine ? <IconHeadphones size={16} color="var(--t-info)" aria-label={t('youListen')} /> : null;
}

function StateCell({ line }: { line: CallLine }) {
  const { t } = useTranslation(['supervisor', 'common']);
  const state = stateOf(line);
  const callback = line.item?.kind === 'callback';
  return (
    <span style={{ display: 'inline-flex', alignItems: 'center', gap: 8 }}>
      {callback && !line.call ? (
        <State tone="info">{t('callback')}</State>
      ) : (
        <State tone={tones[state] ?? 'info'} pulse={state === 'offering'}>
          {t(`common:call.${state}`, state)}
        </State>
      )}
      {line.call?.stuck && <StuckTag cause={line.call.stuck} />}
    </span>
  );
}

const tones: Record<string, 'good' | 'warn'> = { talking: 'good', held: 'warn', waiting: 'warn' };

/** Says that a call does not end by itself, and why. */
export function StuckTag({ cause }: { cause: string }) {
  const { t } = useTranslation('supervisor');
  return (
    <Tooltip label={t(`stuckCause.${cause}`)}>
      <span style={{ display: 'inline-flex', alignItems: 'center', gap: 4, color: 'var(--t-bad)' }}>
        <IconAlertTriangle size={14} aria-hidden />
        <Tag tone="bad" title={t(`stuckCause.${cause}`)}>
          {t('stuck')}
        </Tag>
      </span>
    </Tooltip>
  );
}
