import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Column } from '../ui/DataTable';
import { Elapsed } from '../ui/time';
import { useCallRights } from './CallActions';
import { CallTable } from './CallTable';
import { actionsColumn, callerColumn, numberColumn, queueColumn, stateColumn } from './columns';
import { agentNameOf, type CallLine, sinceOf } from './filters';
import { useCallerOf } from './useCallerOf';
import { WatchedCalls } from './WatchedCalls';

const states = ['talking', 'held', 'dialing'];

/** Calls in which a caller and an agent (or a far end) talk. */
export function ConnectedCalls(props: {
  lines: CallLine[] | undefined;
  open: string | undefined;
  onOpen: (id: string) => void;
}) {
  const { t } = useTranslation(['supervisor', 'common']);
  const caller = useCallerOf();
  const rights = useCallRights();
  const columns = useMemo(
    (): Column<CallLine>[] => [
      stateColumn(t),
      {
        id: 'agent',
        header: t('agent'),
        sort: agentNameOf,
        cell: (line) => agentNameOf(line) || <span className="quiet">–</span>,
      },
      callerColumn(t, caller),
      queueColumn(t),
      numberColumn(t),
      {
        id: 'talking',
        header: t('talking'),
        width: 110,
        align: 'right',
        sort: (line) => Date.parse(sinceOf(line)),
        cell: (line) => <Elapsed since={sinceOf(line)} />,
      },
      actionsColumn(t, caller, rights),
    ],
    [t, caller, rights],
  );
  return (
    <>
      <WatchedCalls lines={props.lines} onOpen={props.onOpen} />
      <CallTable
        label={t('connected')}
        lines={props.lines}
        columns={columns}
        states={states}
        sortBy="talking"
        empty={t('emptyConnected')}
        emptyText={t('emptyConnectedText')}
        onOpen={props.onOpen}
        selected={props.open}
      />
    </>
  );
}
