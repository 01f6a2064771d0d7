import { Button, Code } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { auditQuery } from '../api/queries';
import { usePeople } from '../app/people';
import { type Column, DataTable } from '../ui/DataTable';
import { MoreButton } from '../ui/MoreButton';
import { Page } from '../ui/Page';
import { SearchInput } from '../ui/SearchInput';
import { State } from '../ui/State';
import { DateTime } from '../ui/time';

type Row = Schema['AuditRow'];

export function AuditLog() {
  const { t } = useTranslation(['admin', 'common']);
  const { nameOf } = usePeople();
  const [text, setText] = useState('');
  const [action] = useDebouncedValue(text.trim(), 250);
  const audit = useInfiniteQuery(auditQuery(action ? { action } : {}));
  const rows = useMemo(() => audit.data?.pages.flatMap((page) => page.items), [audit.data]);
  const columns = useMemo(
    (): Column<Row>[] => [
      { id: 'seq', header: t('audit.number'), width: 80, cell: (r) => <span className="tnum quiet">{r.seq}</span> },
      { id: 'at', header: t('common:time'), width: 190, cell: (r) => <DateTime time={r.at} /> },
      {
        id: 'actor',
        header: t('audit.actor'),
        width: 170,
        cell: (r) => nameOf(r.actor) || <span className="quiet">{t('audit.system')}</span>,
      },
      { id: 'action', header: t('audit.action'), width: 190, cell: (r) => <Code>{r.action}</Code> },
      {
        id: 'subject',
        header: t('audit.subject'),
        width: 240,
        cell: (r) => <Subject subject={r.subject} />,
      },
      {
        id: 'data',
        header: t('audit.data'),
        cell: (r) => <Details data={(r.data ?? {}) as Record<string, unknown>} />,
      },
    ],
    [t, nameOf],
  );
  return (
    <Page title={t('parts.audit')} actions={<Verify />}>
      <SearchInput label={t('audit.filterAction')} value={text} onChange={setText} />
      <DataTable
        label={t('parts.audit')}
        rows={rows}
        loading={audit.isPending}
        error={audit.error}
        onRetry={audit.refetch}
        columns={columns}
        rowKey={(r) => String(r.seq)}
        empty={t('audit.empty')}
        footer={<MoreButton query={audit} />}
      />
    </Page>
  );
}

// Ids are told apart by their ends; the whole is in the tooltip and can be copied from there.
function Subject({ subject }: { subject: string }) {
  const short = subject.replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-([0-9a-f]{12})/g, '…$1');
  return (
    <span className="tnum quiet" title={subject} style={{ overflowWrap: 'anywhere' }}>
      {short}
    </span>
  );
}

function Details({ data }: { data: Record<string, unknown> }) {
  const entries = Object.entries(data);
  if (entries.length === 0) return <span className="quiet">–</span>;
  const text = entries
    .map(([key, value]) => `${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
  return (
    <span className="quiet" title={text} style={{ overflowWrap: 'anywhere' }}>
      {text.length > 160 ? `${text.slice(0, 160)}…` : text}
    </span>
  );
}

// Each row holds the digest of the one before it: a change of any shows.
function Verify() {
  const { t } = useTranslation('admin');
  const verify = useMutation({ mutationFn: () => body(api.GET('/api/v1/audit/verify')) });
  return (
    <>
      {verify.data && (
        <span role="status">
          <State tone={verify.data.ok ? 'good' : 'bad'}>
            {verify.data.ok
              ? t('audit.verified', { rows: verify.data.rows })
              : t('audit.broken', { seq: verify.data.bad_seq ?? 0 })}
          </State>
        </span>
      )}
      <Button variant="default" loading={verify.isPending} onClick={() => verify.mutate()}>
        {t('audit.verify')}
      </Button>
    </>
  );
}
