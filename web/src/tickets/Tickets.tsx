import { Button, SegmentedControl } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ticketPagesQuery } from '../api/queries';
import { useCan } from '../app/session';
import { ListViews } from '../ui/ListViews';
import { MoreButton } from '../ui/MoreButton';
import { Page } from '../ui/Page';
import { Board } from './Board';
import { NewTicket } from './NewTicket';
import { filterOf, readSearch, type TicketSearch } from './search';
import { TicketFilters } from './TicketFilters';
import { TicketTable } from './TicketTable';

/** The tickets as a list or a board; what is shown stands in the address. */
export function Tickets() {
  const { t } = useTranslation('crm');
  const can = useCan();
  const navigate = useNavigate();
  const search = useSearch({ from: '/app/tickets' });
  const [making, setMaking] = useState(false);
  const go = (next: TicketSearch) => void navigate({ to: '/tickets', search: next, replace: true });
  const show = (change: { [K in keyof TicketSearch]?: TicketSearch[K] | undefined }) =>
    go(Object.fromEntries(Object.entries({ ...search, ...change }).filter(([, value]) => value !== undefined)));
  return (
    <Page
      title={t('ticket.title')}
      actions={
        <>
          <ListViews list="tickets" filter={{ ...search }} onChoose={(filter) => go(readSearch(filter))} />
          <SegmentedControl
            aria-label={t('ticket.view')}
            data={[
              { value: 'list', label: t('ticket.list') },
              { value: 'board', label: t('ticket.board') },
            ]}
            value={search.view ?? 'list'}
            onChange={(view) => show({ view: view === 'board' ? 'board' : undefined })}
          />
          {can('create', 'tickets') && (
            <Button leftSection={<IconPlus size={16} />} onClick={() => setMaking(true)}>
              {t('ticket.new')}
            </Button>
          )}
        </>
      }
    >
      <TicketFilters search={search} onChange={show} />
      {search.view === 'board' ? <Board search={search} /> : <List search={search} />}
      <NewTicket opened={making} onClose={() => setMaking(false)} />
    </Page>
  );
}

function List({ search }: { search: TicketSearch }) {
  const { t } = useTranslation('crm');
  const tickets = useInfiniteQuery(ticketPagesQuery(filterOf(search)));
  const rows = useMemo(() => tickets.data?.pages.flatMap((page) => page.items), [tickets.data]);
  const { view: _, sort: __, ...chosen } = search;
  const filtered = Object.keys(chosen).length > 0;
  return (
    <TicketTable
      ordered
      tickets={rows}
      loading={tickets.isPending}
      error={tickets.error}
      onRetry={tickets.refetch}
      empty={filtered ? t('ticket.noMatch') : t('ticket.empty')}
      emptyText={filtered ? undefined : t('ticket.emptyText')}
      footer={<MoreButton query={tickets} />}
    />
  );
}
