import { Anchor, Button, Group, Skeleton, Stack, Tabs } from '@mantine/core';
import { IconArrowLeft, IconArrowMerge, IconPencil } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { contactQuery, ticketsQuery } from '../api/queries';
import { useCan } from '../app/session';
import { TicketTable } from '../tickets/TicketTable';
import classes from '../tickets/tickets.module.css';
import { ErrorNotice } from '../ui/ErrorNotice';
import { Page } from '../ui/Page';
import { Activity } from './Activity';
import { ContactFacts } from './ContactFacts';
import { ContactFiles } from './ContactFiles';
import { ContactForm } from './ContactForm';
import { ContactNotes } from './ContactNotes';
import { MergeDialog } from './MergeDialog';
import { contactName } from './name';
import { QuickActions } from './QuickActions';
import type { ContactPage } from './queries';

export function Contact() {
  const { t } = useTranslation(['crm', 'contacts', 'common']);
  const { id } = useParams({ from: '/app/contacts/$id' });
  const navigate = useNavigate();
  const { data: contact, error, refetch } = useQuery(contactQuery(id));
  // One who was merged is who they became, in the address too.
  const became = contact && contact.id !== id ? contact.id : undefined;
  useEffect(() => {
    if (became) void navigate({ to: '/contacts/$id', params: { id: became }, replace: true });
  }, [became, navigate]);
  return (
    <Page
      title={contact ? contactName(contact) || contact.phone || t('contact.unnamed') : t('contact.one')}
      note={
        <Anchor component={Link} to="/contacts" size="sm">
          <IconArrowLeft size={13} aria-hidden /> {t('contact.back')}
        </Anchor>
      }
      actions={contact && <Actions contact={contact} />}
    >
      {error && !contact && <ErrorNotice error={error} onRetry={refetch} />}
      <div className={classes.page}>
        {contact ? <Parts contact={contact.id} /> : <Skeleton height={240} />}
        <aside className={classes.panel} aria-label={t('contact.one')}>
          {contact ? (
            <Stack gap="md">
              <QuickActions contact={contact} />
              <ContactFacts contact={contact} />
            </Stack>
          ) : (
            <Skeleton height={240} />
          )}
        </aside>
      </div>
    </Page>
  );
}

function Actions({ contact }: { contact: ContactPage }) {
  const { t } = useTranslation(['contacts', 'common']);
  const can = useCan();
  const [doing, setDoing] = useState<'edit' | 'merge' | null>(null);
  if (!can('write', 'contacts')) return null;
  const done = () => setDoing(null);
  return (
    <Group gap="xs">
      <Button
        variant="default"
        leftSection={<IconArrowMerge size={15} aria-hidden />}
        onClick={() => setDoing('merge')}
      >
        {t('merge')}
      </Button>
      <Button variant="default" leftSection={<IconPencil size={15} aria-hidden />} onClick={() => setDoing('edit')}>
        {t('common:edit')}
      </Button>
      <ContactForm opened={doing === 'edit'} contact={contact} onClose={done} />
      {doing === 'merge' && <MergeDialog contact={contact} onClose={done} />}
    </Group>
  );
}

function Parts({ contact }: { contact: string }) {
  const { t } = useTranslation(['contacts', 'crm']);
  const can = useCan();
  return (
    <Tabs defaultValue="activity" keepMounted={false} className={classes.main}>
      <Tabs.List>
        <Tabs.Tab value="activity">{t('tabs.activity')}</Tabs.Tab>
        <Tabs.Tab value="notes">{t('tabs.notes')}</Tabs.Tab>
        <Tabs.Tab value="files">{t('tabs.files')}</Tabs.Tab>
        {can('read', 'tickets') && <Tabs.Tab value="tickets">{t('tabs.tickets')}</Tabs.Tab>}
      </Tabs.List>
      <Tabs.Panel value="activity">
        <Activity contact={contact} />
      </Tabs.Panel>
      <Tabs.Panel value="notes">
        <ContactNotes contact={contact} />
      </Tabs.Panel>
      <Tabs.Panel value="files">
        <ContactFiles contact={contact} />
      </Tabs.Panel>
      <Tabs.Panel value="tickets">
        <ContactTickets contact={contact} />
      </Tabs.Panel>
    </Tabs>
  );
}

function ContactTickets({ contact }: { contact: string }) {
  const { t } = useTranslation('crm');
  const tickets = useQuery(ticketsQuery({ contact }));
  return (
    <TicketTable
      tickets={tickets.data}
      loading={tickets.isPending}
      error={tickets.error}
      onRetry={tickets.refetch}
      empty={t('ticket.empty')}
      emptyText={t('ticket.emptyText')}
    />
  );
}
