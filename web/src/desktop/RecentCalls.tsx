import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { callsQuery } from '../api/queries';
import { useMe } from '../app/session';
import { useCallerText } from '../ui/caller';
import { type Column, DataTable } from '../ui/DataTable';
import { clock } from '../ui/format';
import { Section } from '../ui/Page';
import { OutboundMark, QueuePath } from '../ui/State';
import { DateTime } from '../ui/time';
import { DialLink } from './DialLink';

type Call = Schema['CallRow'];

/** The agent's own last calls. */
export function RecentCalls() {
  const { t } = useTranslation('desktop');
  const me = useMe();
  const caller = useCallerText();
  const calls = useQuery(callsQuery({ state: 'ended', agent: me.id, limit: 25 }));
  const columns = useMemo(
    (): Column<Call>[] => [
      { id: 'caller', header: t('recent.caller'), cell: (c) => <Other call={c} text={caller(c)} /> },
      { id: 'queue', header: t('recent.queue'), cell: (c) => <QueuePath path={c.queue_path} /> },
      { id: 'result', header: t('recent.result'), cell: (c) => c.disposition || <span className="quiet">–</span> },
      {
        id: 'talk',
        header: t('recent.talk'),
        align: 'right',
        width: 90,
        cell: (c) => <span className="tnum">{clock(c.talk_seconds)}</span>,
      },
      {
        id: 'when',
        header: t('recent.when'),
        align: 'right',
        width: 150,
        cell: (c) => <DateTime time={c.started_at} short />,
      },
    ],
    [t, caller],
  );
  return (
    <Section title={t('recent.title')}>
      <DataTable
        label={t('recent.title')}
        rows={calls.data}
        loading={calls.isPending}
        error={calls.error}
        onRetry={calls.refetch}
        columns={columns}
        rowKey={(c) => c.call_id}
        empty={t('recent.empty')}
        emptyText={t('recent.emptyText')}
      />
    </Section>
  );
}

// Who was on the other side; a click calls them again.
function Other({ call, text }: { call: Call; text: string }) {
  return (
    <span style={{ display: 'inline-flex', alignItems: 'center', gap: 6 }}>
      {call.direction === 'outbound' && <OutboundMark />}
      <DialLink number={call.caller.withheld ? '' : call.caller.number}>
        <span className="tnum">{text}</span>
      </DialLink>
    </span>
  );
}
