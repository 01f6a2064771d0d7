import { Button, Select } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type TicketStatus, ticketsQuery } from '../api/queries';
import { useCan } from '../app/session';
import { Page } from '../ui/Page';
import { SearchInput } from '../ui/SearchInput';
import { moves } from './moves';
import { NewTicket } from './NewTicket';
import { TicketTable } from './TicketTable';
import classes from './tickets.module.css';

export function Tickets() {
  const { t } = useTranslation('crm');
  const can = useCan();
  const [text, setText] = useState('');
  const [status, setStatus] = useState('open');
  const [making, setMaking] = useState(false);
  const one = status === 'open' || status === 'all' ? undefined : (status as TicketStatus);
  const tickets = useQuery(ticketsQuery(one ? { status: one } : {}));
  const wanted = text.trim().toLowerCase().replace(/^#/, '');
  const rows = tickets.data?.filter(
    (x) =>
      (status !== 'open' || x.status !== 'resolved') &&
      (x.title.toLowerCase().includes(wanted) || String(x.number).startsWith(wanted)),
  );
  return (
    <Page
      title={t('ticket.title')}
      actions={
        can('write', 'tickets') && (
          <Button leftSection={<IconPlus size={16} />} onClick={() => setMaking(true)}>
            {t('ticket.new')}
          </Button>
        )
      }
    >
      <div className={classes.toolbar}>
        <SearchInput label={t('ticket.search')} value={text} onChange={setText} />
        <Select
          aria-label={t('ticket.status')}
          w={180}
          data={[
            { value: 'open', label: t('ticket.open') },
            { value: 'all', label: t('ticket.allStatuses') },
            ...Object.keys(moves).map((s) => ({ value: s, label: t(`status.${s}`) })),
          ]}
          value={status}
          onChange={(value) => setStatus(value ?? 'open')}
        />
      </div>
      <TicketTable
        tickets={rows}
        loading={tickets.isPending}
        error={tickets.error}
        onRetry={tickets.refetch}
        empty={tickets.data?.length ? t('ticket.noMatch') : t('ticket.empty')}
        emptyText={tickets.data?.length ? undefined : t('ticket.emptyText')}
      />
      <NewTicket opened={making} onClose={() => setMaking(false)} />
    </Page>
  );
}
