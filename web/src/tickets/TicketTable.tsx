import { useNavigate } from '@tanstack/react-router';
import { type ReactNode, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { usePeople } from '../app/people';
import { type Column, DataTable } from '../ui/DataTable';
import { DateTime } from '../ui/time';
import { PriorityTag } from './PriorityTag';
import { Promised } from './Promised';
import { TicketStatusTag } from './TicketStatusTag';
import { useTicketTypes } from './types';
import { priorities } from './words';

type Ticket = Schema['Ticket'];

interface TicketTableProps {
  tickets: Ticket[] | undefined;
  loading: boolean;
  error: unknown;
  onRetry: () => void;
  empty: string;
  emptyText?: string;
  /** A part of a list that the server has put in order; without it, all of a short one. */
  ordered?: boolean;
  footer?: ReactNode;
}

/** The list of tickets, on its own screen and on a contact's. */
export function TicketTable(props: TicketTableProps) {
  const { t } = useTranslation('crm');
  const navigate = useNavigate();
  const { nameOf } = usePeople();
  const { nameOf: typeName } = useTicketTypes();
  const { ordered } = props;
  const columns = useMemo((): Column<Ticket>[] => {
    const all: Column<Ticket>[] = [
      {
        id: 'number',
        header: t('ticket.number'),
        width: 64,
        sort: (x) => x.number,
        cell: (x) => <span className="tnum quiet">#{x.number}</span>,
      },
      {
        id: 'subject',
        header: t('ticket.subject'),
        sort: (x) => x.title,
        cell: (x) => <strong style={{ fontWeight: 550 }}>{x.title}</strong>,
      },
      {
        id: 'status',
        header: t('ticket.status'),
        width: 104,
        sort: (x) => x.status,
        cell: (x) => <TicketStatusTag status={x.status} />,
      },
      {
        id: 'priority',
        header: t('ticket.priority'),
        width: 96,
        sort: (x) => priorities.indexOf(x.priority),
        cell: (x) => <PriorityTag priority={x.priority} />,
      },
      {
        id: 'contact',
        header: t('ticket.contact'),
        width: 140,
        sort: (x) => x.contact_name ?? '',
        cell: (x) => x.contact_name || <span className="quiet">–</span>,
      },
      {
        id: 'type',
        header: t('ticket.type'),
        width: 120,
        sort: (x) => typeName(x.type),
        cell: (x) => typeName(x.type),
      },
      {
        id: 'assignee',
        header: t('ticket.assignee'),
        width: 130,
        cell: (x) => nameOf(x.assignee) || <span className="quiet">–</span>,
      },
      {
        id: 'due',
        header: t('sla.column'),
        width: 170,
        sort: (x) => Date.parse(x.due_at ?? '9999-12-31'),
        cell: (x) => <Promised standing={x.sla} due={x.due_at} />,
      },
      {
        id: 'updated',
        header: t('ticket.updated'),
        width: 110,
        align: 'right',
        sort: (x) => Date.parse(x.updated_at),
        cell: (x) => <DateTime time={x.updated_at} short />,
      },
    ];
    return ordered ? all.map(({ sort: _, ...column }) => column) : all;
  }, [t, nameOf, typeName, ordered]);
  return (
    <DataTable
      label={t('ticket.title')}
      rows={props.tickets}
      loading={props.loading}
      error={props.error}
      onRetry={props.onRetry}
      columns={columns}
      rowKey={(x) => x.id}
      onOpen={(x) => void navigate({ to: '/tickets/$id', params: { id: x.id } })}
      {...(ordered ? {} : { sortBy: { id: 'updated', desc: true } })}
      empty={props.empty}
      emptyText={props.emptyText}
      footer={props.footer}
    />
  );
}
