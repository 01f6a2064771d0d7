import { ActionIcon, Menu, Skeleton, Text } from '@mantine/core';
import { IconArrowsMove } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type DragEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { type TicketStatus, ticketPagesQuery } from '../api/queries';
import { useAct } from '../api/useSave';
import { usePeople } from '../app/people';
import { useCan } from '../app/session';
import { ErrorNotice } from '../ui/ErrorNotice';
import { MoreButton } from '../ui/MoreButton';
import classes from './board.module.css';
import { moves } from './moves';
import { PriorityTag } from './PriorityTag';
import { Promised } from './Promised';
import { filterOf, type TicketSearch } from './search';

type Ticket = Schema['Ticket'];
type Move = { ticket: Ticket; to: TicketStatus };

const columns = Object.keys(moves) as TicketStatus[];

/** The tickets by status. Cards are dragged, or moved by their menu, to where TK-4 lets them go. */
export function Board({ search }: { search: TicketSearch }) {
  const { t } = useTranslation('crm');
  const [dragged, setDragged] = useState<Ticket | null>(null);
  const [said, say] = useState('');
  // The card that was moved is drawn anew in another column: whoever moved it by keyboard goes on there.
  const [moved, setMoved] = useState('');
  const move = useAct<Move>({
    act: ({ ticket, to }) =>
      body(api.PATCH('/api/v1/tickets/{id}', { params: { path: { id: ticket.id } }, body: { status: to } })),
    nouns: ['tickets'],
  });
  const go = (ticket: Ticket, to: TicketStatus, byKey: boolean) =>
    move.mutate(
      { ticket, to },
      {
        onSuccess: () => {
          setMoved(byKey ? ticket.id : '');
          say(t('ticket.movedTo', { number: ticket.number, status: t(`status.${to}`) }));
        },
      },
    );
  return (
    <div className={classes.board}>
      {columns.map((status) => (
        <Column
          key={status}
          status={status}
          search={search}
          dragged={dragged}
          moved={moved}
          onDrag={setDragged}
          onMove={go}
        />
      ))}
      <span role="status" className="sr-only">
        {said}
      </span>
    </div>
  );
}

interface ColumnProps {
  status: TicketStatus;
  search: TicketSearch;
  dragged: Ticket | null;
  moved: string;
  onDrag: (ticket: Ticket | null) => void;
  onMove: (ticket: Ticket, to: TicketStatus, byKey: boolean) => void;
}

function Column({ status, search, dragged, moved, onDrag, onMove }: ColumnProps) {
  const { t } = useTranslation('crm');
  const [over, setOver] = useState(false);
  const tickets = useInfiniteQuery(ticketPagesQuery({ ...filterOf({ ...search, status }), limit: 30 }));
  const cards = tickets.data?.pages.flatMap((page) => page.items);
  const takes = dragged !== null && moves[dragged.status].includes(status);
  const allow = (event: DragEvent) => {
    if (!takes) return;
    event.preventDefault();
    setOver(true);
  };
  return (
    <section
      className={classes.column}
      aria-label={t(`status.${status}`)}
      data-takes={takes || undefined}
      data-refuses={(dragged !== null && !takes && dragged.status !== status) || undefined}
      data-over={(takes && over) || undefined}
      onDragOver={allow}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        if (takes) onMove(dragged, status, false);
      }}
    >
      <h2 className={classes.head}>
        {t(`status.${status}`)}
        <span className="quiet tnum">{cards && `${cards.length}${tickets.hasNextPage ? '+' : ''}`}</span>
      </h2>
      {tickets.error && <ErrorNotice error={tickets.error} onRetry={tickets.refetch} />}
      {!cards && !tickets.error && <Skeleton height={88} radius={8} />}
      {cards?.length === 0 && (
        <Text size="xs" className="quiet" ta="center" py="md">
          {t('ticket.columnEmpty')}
        </Text>
      )}
      <ul className={classes.cards}>
        {cards?.map((ticket) => (
          <Card
            key={ticket.id}
            ticket={ticket}
            focused={ticket.id === moved}
            onDrag={onDrag}
            onMove={(to) => onMove(ticket, to, true)}
          />
        ))}
      </ul>
      <MoreButton query={tickets} />
    </section>
  );
}

interface CardProps {
  ticket: Ticket;
  focused: boolean;
  onDrag: (ticket: Ticket | null) => void;
  onMove: (to: TicketStatus) => void;
}

function Card({ ticket, focused, onDrag, onMove }: CardProps) {
  const { t } = useTranslation('crm');
  const can = useCan();
  const { nameOf } = usePeople();
  const movable = can('write', 'tickets');
  return (
    <li
      className={classes.card}
      draggable={movable}
      onDragStart={(event) => {
        event.dataTransfer.effectAllowed = 'move';
        event.dataTransfer.setData('text/plain', `#${ticket.number}`);
        onDrag(ticket);
      }}
      onDragEnd={() => onDrag(null)}
    >
      <div className={classes.line}>
        <span className="tnum quiet">#{ticket.number}</span>
        <PriorityTag priority={ticket.priority} />
        {movable && (
          <Menu position="bottom-end" withinPortal>
            <Menu.Target>
              <ActionIcon
                variant="subtle"
                color="gray"
                size="sm"
                className={classes.handle}
                aria-label={t('ticket.moveNumber', { number: ticket.number })}
                ref={focused ? (button) => button?.focus() : undefined}
              >
                <IconArrowsMove size={15} aria-hidden />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Label>{t('ticket.moveTo')}</Menu.Label>
              {moves[ticket.status].map((to) => (
                <Menu.Item key={to} onClick={() => onMove(to)}>
                  {t(`status.${to}`)}
                </Menu.Item>
              ))}
            </Menu.Dropdown>
          </Menu>
        )}
      </div>
      <Link to="/tickets/$id" params={{ id: ticket.id }} className={classes.title} draggable={false}>
        {ticket.title}
      </Link>
      <div className={classes.line}>
        <span className="quiet">{nameOf(ticket.assignee) || ticket.contact_name || '–'}</span>
        {ticket.sla !== 'none' && <Promised standing={ticket.sla} due={ticket.due_at} />}
      </div>
    </li>
  );
}
