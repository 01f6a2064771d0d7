import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { useAct } from '../api/useSave';
import { useCan } from '../app/session';
import { useConfirm } from '../ui/confirm';
import { type Column, DataTable } from '../ui/DataTable';
import { Page } from '../ui/Page';
import { DateTime } from '../ui/time';

type Ban = Schema['Ban'];

/** A network as people write it: one address is itself. */
const address = (source: string) => source.replace(/\/32$/, '');

/** Who is refused because passwords of SIP were guessed. */
export function SIPBans() {
  const { t } = useTranslation(['admin', 'common']);
  const may = useCan()('write', 'trunks');
  const bans = useQuery({
    queryKey: ['sip-bans'],
    queryFn: async () => (await body(api.GET('/api/v1/sip-bans'))).items,
    refetchInterval: 5000,
  });
  const columns = useMemo(
    (): Column<Ban>[] => [
      {
        id: 'source',
        header: t('bans.source'),
        sort: (b) => b.source ?? '',
        cell: (b) =>
          b.source ? (
            <span className="tnum">{address(b.source)}</span>
          ) : (
            <span className="quiet">{t('bans.anywhere')}</span>
          ),
      },
      {
        id: 'username',
        header: t('bans.username'),
        sort: (b) => b.username ?? '',
        cell: (b) => b.username || <span className="quiet">–</span>,
      },
      {
        id: 'fails',
        header: t('bans.fails'),
        width: 170,
        align: 'right',
        sort: (b) => b.fails,
        cell: (b) => <span className="tnum">{b.fails}</span>,
      },
      {
        id: 'until',
        header: t('bans.until'),
        width: 170,
        sort: (b) => Date.parse(b.until),
        cell: (b) => <DateTime time={b.until} short />,
      },
      {
        id: 'actions',
        header: t('common:actions'),
        actions: true,
        width: 150,
        align: 'right',
        cell: (b) => (may ? <Lift ban={b} /> : null),
      },
    ],
    [t, may],
  );
  return (
    <Page title={t('parts.bans')} note={t('bans.lead')}>
      <DataTable
        label={t('parts.bans')}
        rows={bans.data}
        loading={bans.isPending}
        error={bans.error}
        onRetry={bans.refetch}
        columns={columns}
        rowKey={(b) => b.id}
        sortBy={{ id: 'until', desc: true }}
        empty={t('bans.empty')}
        emptyText={t('bans.emptyText')}
      />
    </Page>
  );
}

function Lift({ ban }: { ban: Ban }) {
  const { t } = useTranslation('admin');
  const confirm = useConfirm();
  const lift = useAct({
    act: () => api.DELETE('/api/v1/sip-bans/{id}', { params: { path: { id: ban.id } } }),
    nouns: ['sip-bans'],
  });
  const who = [ban.username, address(ban.source ?? '')].filter(Boolean).join(' · ');
  return (
    <Button
      variant="subtle"
      size="compact-sm"
      aria-label={`${t('bans.lift')}: ${who}`}
      loading={lift.isPending}
      onClick={() =>
        confirm({
          title: t('bans.liftTitle', { who }),
          text: t('bans.liftText'),
          action: t('bans.lift'),
          onConfirm: () => lift.mutate(),
        })
      }
    >
      {t('bans.lift')}
    </Button>
  );
}
