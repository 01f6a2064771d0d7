import { Anchor, Button, Group, Skeleton } from '@mantine/core';
import { IconArrowLeft } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { type TicketStatus, ticketQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { useCan } from '../app/session';
import { Recordings } from '../recordings/Recordings';
import { ErrorNotice } from '../ui/ErrorNotice';
import { Page } from '../ui/Page';
import { moves } from './moves';
import { Notes } from './Notes';
import { TicketDetails } from './TicketDetails';
import { TicketStatusTag } from './TicketStatusTag';
import classes from './tickets.module.css';

export function Ticket() {
  const { t } = useTranslation('crm');
  const { id } = useParams({ from: '/app/tickets/$id' });
  const { data: ticket, error, refetch } = useQuery(ticketQuery(id));
  return (
    <Page
      title={ticket?.title ?? t('ticket.one')}
      note={
        <Group gap="sm">
          <Anchor component={Link} to="/tickets" size="sm">
            <IconArrowLeft size={13} aria-hidden /> {t('ticket.back')}
          </Anchor>
          {ticket && <span className="tnum">#{ticket.number}</span>}
          {ticket && <TicketStatusTag status={ticket.status} />}
        </Group>
      }
      actions={ticket && <Moves ticket={ticket} />}
    >
      {error && !ticket && <ErrorNotice error={error} onRetry={refetch} />}
      <div className={classes.page}>
        <div className={classes.main}>
          {ticket ? (
            <Recordings ticket={ticket.id} attachments={ticket.attachments} />
          ) : (
            <Skeleton height={180} radius={10} />
          )}
          {ticket ? <Notes ticket={ticket} /> : <Skeleton height={220} radius={10} />}
        </div>
        {ticket ? <TicketDetails ticket={ticket} /> : <Skeleton height={320} radius={10} />}
      </div>
    </Page>
  );
}

function Moves({ ticket }: { ticket: Schema['TicketPage'] }) {
  const { t } = useTranslation('crm');
  const can = useCan();
  const move = useSave({
    save: (status: TicketStatus) =>
      body(api.PATCH('/api/v1/tickets/{id}', { params: { path: { id: ticket.id } }, body: { status } })),
    nouns: ['tickets'],
    quiet: true,
  });
  if (!can('write', 'tickets')) return null;
  return (
    <Group gap="xs">
      {move.error && <span role="alert">{move.errorText}</span>}
      <span className="quiet">{t('ticket.moveTo')}</span>
      {moves[ticket.status].map((status) => (
        <Button
          key={status}
          variant={status === 'resolved' ? 'filled' : 'default'}
          loading={move.isPending && move.variables === status}
          data-status={status}
          onClick={() => move.mutate(status)}
        >
          {t(`status.${status}`)}
        </Button>
      ))}
    </Group>
  );
}
