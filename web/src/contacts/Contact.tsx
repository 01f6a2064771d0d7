import { Anchor, Badge, Button, Group, Skeleton } from '@mantine/core';
import { IconArrowLeft, IconPencil } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { contactQuery, ticketsQuery } from '../api/queries';
import { useCan } from '../app/session';
import { TicketTable } from '../tickets/TicketTable';
import classes from '../tickets/tickets.module.css';
import { ErrorNotice } from '../ui/ErrorNotice';
import { Facts, Page, Section } from '../ui/Page';
import { DateTime } from '../ui/time';
import { ContactForm } from './ContactForm';
import { contactName } from './name';

export function Contact() {
  const { t } = useTranslation(['crm', 'common']);
  const { id } = useParams({ from: '/app/contacts/$id' });
  const can = useCan();
  const [editing, setEditing] = useState(false);
  const { data: contact, error, refetch } = useQuery(contactQuery(id));
  const tickets = useQuery(ticketsQuery({ contact: id }));
  return (
    <Page
      title={contact ? contactName(contact) || contact.phone || t('contact.unnamed') : t('contact.one')}
      note={
        <Anchor component={Link} to="/contacts" size="sm">
          <IconArrowLeft size={13} aria-hidden /> {t('contact.back')}
        </Anchor>
      }
      actions={
        contact && (
          <Group gap="xs">
            {can('write', 'contacts') && (
              <Button variant="default" leftSection={<IconPencil size={15} />} onClick={() => setEditing(true)}>
                {t('common:edit')}
              </Button>
            )}
          </Group>
        )
      }
    >
      {error && !contact && <ErrorNotice error={error} onRetry={refetch} />}
      <div className={classes.page}>
        <Section title={t('contact.tickets')}>
          <TicketTable
            tickets={tickets.data}
            loading={tickets.isPending}
            error={tickets.error}
            onRetry={tickets.refetch}
            empty={t('ticket.empty')}
            emptyText={t('ticket.emptyText')}
          />
        </Section>
        <aside className={classes.panel} style={{ marginTop: 38 }} aria-label={t('contact.one')}>
          {contact ? <ContactFacts contact={contact} /> : <Skeleton height={240} />}
        </aside>
      </div>
      {contact && <ContactForm opened={editing} contact={contact} onClose={() => setEditing(false)} />}
    </Page>
  );
}

function ContactFacts({ contact }: { contact: Schema['ContactPage'] }) {
  const { t } = useTranslation('crm');
  const identities = contact.identities.map((i): [string, string] => [
    `${t('contact.identities')} (${i.kind})`,
    i.value,
  ]);
  return (
    <Facts
      rows={[
        [
          t('contact.phone'),
          <span key="phone" className="tnum">
            {contact.phone || '–'}
          </span>,
        ],
        [t('contact.email'), contact.email || '–'],
        [t('contact.company'), contact.company || '–'],
        [t('contact.jobTitle'), contact.job_title || '–'],
        [t('contact.country'), contact.country || '–'],
        [t('contact.location'), contact.location || '–'],
        [
          t('contact.tags'),
          contact.tags.length === 0 ? (
            '–'
          ) : (
            <Group key="tags" gap={4}>
              {contact.tags.map((tag) => (
                <Badge key={tag} variant="light" tt="none">
                  {tag}
                </Badge>
              ))}
            </Group>
          ),
        ],
        [t('contact.created'), <DateTime key="created" time={contact.created_at} />],
        [t('contact.lastContacted'), <DateTime key="last" time={contact.contacted_at} />],
        ...identities,
      ]}
    />
  );
}
