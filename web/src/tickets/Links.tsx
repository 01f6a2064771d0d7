import { ActionIcon, Anchor, Button } from '@mantine/core';
import { IconMessage, IconPhone, IconPlus, IconTicket, IconX } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, type Schema } from '../api/client';
import { useAct } from '../api/useSave';
import { screensOf } from '../app/screens';
import { useCan, useMe } from '../app/session';
import { Section } from '../ui/Page';
import { DateTime } from '../ui/time';
import { LinkDialog } from './LinkDialog';
import { TicketStatusTag } from './TicketStatusTag';
import classes from './tickets.module.css';

const icons = { call: IconPhone, conversation: IconMessage, ticket: IconTicket };

/** What the ticket is about: calls, conversations, tickets that have to do with it, and those that it has taken over. */
export function Links({ ticket }: { ticket: Schema['TicketPage'] }) {
  const { t } = useTranslation('crm');
  const can = useCan();
  const remove = useAct<string>({
    act: (item) => api.DELETE('/api/v1/tickets/{id}/links/{item}', { params: { path: { id: ticket.id, item } } }),
    nouns: ['tickets'],
  });
  const [adding, setAdding] = useState(false);
  const may = can('write', 'tickets');
  if (!may && ticket.links.length === 0 && ticket.merged.length === 0) return null;
  return (
    <Section
      title={t('ticket.links')}
      actions={
        may && (
          <Button
            variant="subtle"
            size="compact-sm"
            leftSection={<IconPlus size={14} aria-hidden />}
            onClick={() => setAdding(true)}
          >
            {t('link.add')}
          </Button>
        )
      }
    >
      {ticket.links.length === 0 && ticket.merged.length === 0 && <span className="quiet">{t('link.none')}</span>}
      <ul className={classes.links}>
        {ticket.links.map((link) => (
          <li key={link.id}>
            <Icon kind={link.kind} />
            <LinkedTo link={link} />
            <span className="quiet">
              <DateTime time={link.at} />
            </span>
            {may && (
              <ActionIcon
                variant="subtle"
                color="gray"
                size="sm"
                aria-label={t('ticket.unlink')}
                onClick={() => remove.mutate(link.id)}
              >
                <IconX size={14} aria-hidden />
              </ActionIcon>
            )}
          </li>
        ))}
        {ticket.merged.map((one) => (
          <li key={one.id}>
            <span className="quiet">{t('ticket.tookOver')}</span> <span className="tnum">#{one.number}</span>{' '}
            {one.title}
          </li>
        ))}
      </ul>
      {adding && <LinkDialog ticket={ticket} onClose={() => setAdding(false)} />}
    </Section>
  );
}

function Icon({ kind }: { kind: Schema['LinkedItem']['kind'] }) {
  const Sign = icons[kind];
  return <Sign size={15} aria-hidden />;
}

function LinkedTo({ link }: { link: Schema['LinkedItem'] }) {
  const { t } = useTranslation('crm');
  const screens = screensOf(useMe());
  if (link.kind === 'conversation') {
    return (
      <Anchor
        size="sm"
        renderRoot={(props) => <Link to="/" search={{ part: 'inbox', view: 'all', c: link.id }} {...props} />}
      >
        {t('ticket.conversation')}
      </Anchor>
    );
  }
  if (link.kind === 'ticket') {
    return (
      <>
        <Anchor size="sm" renderRoot={(props) => <Link to="/tickets/$id" params={{ id: link.id }} {...props} />}>
          #{link.number} {link.title}
        </Anchor>
        {link.status && <TicketStatusTag status={link.status} />}
      </>
    );
  }
  if (!screens.includes('supervisor')) return t('ticket.call');
  return (
    <Anchor size="sm" renderRoot={(props) => <Link to="/supervisor" search={{ call: link.id }} {...props} />}>
      {t('ticket.call')}
    </Anchor>
  );
}
