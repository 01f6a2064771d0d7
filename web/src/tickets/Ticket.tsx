import { ActionIcon, Anchor, Button, Group, Menu, Skeleton } from '@mantine/core';
import { IconArrowLeft, IconArrowMerge, IconDots } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, Navigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { Problem } from '../api/problem';
import { type TicketStatus, ticketQuery, ticketTypesQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { useCan } from '../app/session';
import { Recordings } from '../recordings/Recordings';
import { ErrorNotice } from '../ui/ErrorNotice';
import { Page } from '../ui/Page';
import { Links } from './Links';
import { MergeDialog } from './MergeDialog';
import { moves } from './moves';
import { Notes } from './Notes';
import { TicketDetails } from './TicketDetails';
import { TicketStatusTag } from './TicketStatusTag';
import classes from './tickets.module.css';

export function Ticket() {
  const { t } = useTranslation('crm');
  const { id } = useParams({ from: '/app/tickets/$id' });
  const { data: ticket, error, refetch } = useQuery(ticketQuery(id));
  // One that was merged leads to the ticket that took it over.
  if (ticket && ticket.id !== id) return <Navigate to="/tickets/$id" params={{ id: ticket.id }} replace />;
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
          {ticket && <Links ticket={ticket} />}
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
  const [merging, setMerging] = useState(false);
  const move = useSave({
    save: (status: TicketStatus) =>
      body(api.PATCH('/api/v1/tickets/{id}', { params: { path: { id: ticket.id } }, body: { status } })),
    nouns: ['tickets'],
    quiet: true,
  });
  const types = useQuery(ticketTypesQuery);
  const blamed =
    move.error instanceof Problem && move.error.code === 'field_required' ? move.error.fields[0]?.field : '';
  const needed = types.data?.flatMap((one) => one.fields).find((field) => `fields.${field.id}` === blamed);
  if (!can('write', 'tickets')) return null;
  return (
    <Group gap="xs">
      {move.error && <span role="alert">{needed ? t('field.needed', { name: needed.name }) : move.errorText}</span>}
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
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="default" size="lg" aria-label={t('ticket.more')}>
            <IconDots size={17} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconArrowMerge size={15} aria-hidden />} onClick={() => setMerging(true)}>
            {t('ticket.merge')}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {merging && <MergeDialog ticket={ticket} onClose={() => setMerging(false)} />}
    </Group>
  );
}
