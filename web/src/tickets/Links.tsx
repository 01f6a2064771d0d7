import { ActionIcon, Anchor } from '@mantine/core';
import { IconMessage, IconPhone, IconX } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api, type Schema } from '../api/client';
import { useAct } from '../api/useSave';
import { screensOf } from '../app/screens';
import { useCan, useMe } from '../app/session';
import { Section } from '../ui/Page';
import { DateTime } from '../ui/time';
import classes from './tickets.module.css';

/** What the ticket is about: calls, conversations, and the tickets that it has taken over. */
export function Links({ ticket }: { ticket: Schema['TicketPage'] }) {
  const { t } = useTranslation('crm');
  const can = useCan();
  const remove = useAct<string>({
    act: (item) => api.DELETE('/api/v1/tickets/{id}/links/{item}', { params: { path: { id: ticket.id, item } } }),
    nouns: ['tickets'],
  });
  if (ticket.links.length === 0 && ticket.merged.length === 0) return null;
  return (
    <Section title={t('ticket.links')}>
      <ul className={classes.links}>
        {ticket.links.map((link) => (
          <li key={link.id}>
            {link.kind === 'call' ? <IconPhone size={15} aria-hidden /> : <IconMessage size={15} aria-hidden />}
            <LinkedTo link={link} />
            <span className="quiet">
              <DateTime time={link.at} />
            </span>
            {can('write', 'tickets') && (
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
    </Section>
  );
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
  if (!screens.includes('supervisor')) return t('ticket.call');
  return (
    <Anchor size="sm" renderRoot={(props) => <Link to="/supervisor" search={{ call: link.id }} {...props} />}>
      {t('ticket.call')}
    </Anchor>
  );
}
