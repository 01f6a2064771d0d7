import { Anchor, Skeleton, Stack, Text, Title } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { contactQuery, contactsQuery } from '../api/queries';
import { Activity } from '../contacts/Activity';
import { ContactFacts as Facts } from '../contacts/ContactFacts';
import { contactName } from '../contacts/name';
import { QuickActions } from '../contacts/QuickActions';
import type { Card } from '../phone/protocol';
import { ErrorNotice } from '../ui/ErrorNotice';

/** Who this caller is to us: the contact of the number. */
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

/** A contact as calls and conversations show them: what their own page shows, shorter. */
export function ContactFacts({ contact, fallback }: { contact: { id: string }; fallback: string }) {
  const { t } = useTranslation('contacts');
  const found = useQuery(contactQuery(contact.id));
  if (!found.data) return found.error ? <ErrorNotice error={found.error} /> : <Skeleton height={120} />;
  const known = found.data;
  return (
    <Stack gap="sm">
      <Title order={3}>
        <Anchor component={Link} to={`/contacts/${known.id}`} inherit>
          {contactName(known) || fallback}
        </Anchor>
      </Title>
      <QuickActions contact={known} />
      <Facts contact={known} />
      <section>
        <Title order={3} fz="sm" mb={6}>
          {t('tabs.activity')}
        </Title>
        <Activity contact={known.id} most={5} />
      </section>
    </Stack>
  );
}
