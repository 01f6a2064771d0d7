import { Anchor, Skeleton, Stack, Text, Title } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { contactsQuery, ticketsQuery } from '../api/queries';
import { contactName } from '../contacts/name';
import type { Card } from '../phone/protocol';
import { TicketStatusTag } from '../tickets/TicketStatusTag';
import { Facts } from '../ui/Page';

/** Who this caller is to us: the contact of the number, and their last tickets. */
export function ContactPanel({ card }: { card: Card }) {
  const { t } = useTranslation('desktop');
  const number = card.caller ?? '';
  const found = useInfiniteQuery({ ...contactsQuery(number), enabled: number.length > 2 });
  const contact = found.data?.pages[0]?.items[0];
  if (found.isPending && number.length > 2) return <Skeleton height={120} />;
  if (!contact) {
    return (
      <Text size="sm" c="dimmed">
        {t('card.unknownContact')}
      </Text>
    );
  }
  return <ContactFacts contact={contact} fallback={number} />;
}

type Contact = Pick<Schema['Contact'], 'id' | 'first_name' | 'last_name' | 'company' | 'email'>;

/** A contact and their last tickets. */
export function ContactFacts({ contact, fallback }: { contact: Contact; fallback: string }) {
  const { t } = useTranslation('crm');
  const tickets = useQuery(ticketsQuery({ contact: contact.id }));
  return (
    <Stack gap="sm">
      <Title order={3}>
        <Anchor component={Link} to={`/contacts/${contact.id}`} inherit>
          {contactName(contact) || fallback}
        </Anchor>
      </Title>
      <Facts
        rows={[
          [t('contact.company'), contact.company || '–'],
          [t('contact.email'), contact.email || '–'],
        ]}
      />
      <Stack gap={6}>
        {tickets.data?.slice(0, 5).map((ticket) => (
          <div key={ticket.id} style={{ display: 'flex', gap: 8, alignItems: 'baseline' }}>
            <TicketStatusTag status={ticket.status} />
            <Anchor component={Link} to={`/tickets/${ticket.id}`} size="sm" truncate>
              {`#${ticket.number} ${ticket.title}`}
            </Anchor>
          </div>
        ))}
      </Stack>
    </Stack>
  );
}
