import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Column } from '../ui/DataTable';
import { secondsSince } from '../ui/format';
import { Elapsed, useNow } from '../ui/time';
import { useCallRights } from './CallActions';
import { CallTable } from './CallTable';
import { actionsColumn, callerColumn, numberColumn, queueColumn, stateColumn } from './columns';
import { agentNameOf, type CallLine, sinceOf } from './filters';
import classes from './supervisor.module.css';
import { useCallerOf } from './useCallerOf';

// Shown as late from here on; the queue's own service level is on its page.
const LATE = 60;
const states = ['waiting', 'offering', 'whisper', 'countdown'];

/** Calls that wait for an agent, and callbacks that wait for their turn. */
export function QueuedCalls(props: {
  lines: CallLine[] | undefined;
  open: string | undefined;
  onOpen: (id: string) => void;
}) {
  const { t } = useTranslation(['supervisor', 'common']);
  const caller = useCallerOf();
  const rights = useCallRights();
  const columns = useMemo(
    (): Column<CallLine>[] => [
      {
        id: 'waiting',
        header: t('waiting'),
        width: 100,
        sort: (line) => Date.parse(sinceOf(line)),
        cell: (line) => <Waiting since={sinceOf(line)} />,
      },
      callerColumn(t, caller),
      queueColumn(t),
      numberColumn(t),
      {
        id: 'priority',
        header: t('priority'),
        width: 90,
        align: 'right',
        sort: (line) => -(line.item?.priority ?? 0),
        cell: (line) => <span className="tnum">{line.item?.priority ?? 0}</span>,
      },
      stateColumn(t),
      {
        id: 'agent',
        header: t('ringsAt'),
        sort: agentNameOf,
        cell: (line) => agentNameOf(line) || <span className="quiet">–</span>,
      },
      actionsColumn(t, caller, rights),
    ],
    [t, caller, rights],
  );
  return (
    <CallTable
      label={t('queued')}
      lines={props.lines}
      columns={columns}
      states={states}
      sortBy="waiting"
      empty={t('emptyQueued')}
      emptyText={t('emptyQueuedText')}
      onOpen={props.onOpen}
      selected={props.open}
    />
  );
}

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
