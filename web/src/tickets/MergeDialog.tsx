import { Select, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { ticketsQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { FormModal } from '../ui/FormModal';

/** Gives everything of a ticket to another, which is chosen from the contact's or looked for. */
export function MergeDialog({ ticket, onClose }: { ticket: Schema['TicketPage']; onClose: () => void }) {
  const { t } = useTranslation('crm');
  const navigate = useNavigate();
  const [text, setText] = useState('');
  const [search] = useDebouncedValue(text.trim(), 250);
  const [into, setInto] = useState<string | null>(null);
  const contact = !search && ticket.contact_id ? { contact: ticket.contact_id } : {};
  const found = useQuery(ticketsQuery({ ...contact, ...(search ? { search } : {}) }));
  const save = useSave({
    save: () =>
      body(api.POST('/api/v1/tickets/{id}/merge', { params: { path: { id: ticket.id } }, body: { into: into ?? '' } })),
    nouns: ['tickets'],
    done: (kept) => {
      onClose();
      void navigate({ to: '/tickets/$id', params: { id: kept.id } });
    },
  });
  return (
    <FormModal
      opened
      title={t('ticket.mergeTitle', { number: ticket.number })}
      onClose={onClose}
      saving={save.isPending}
      error={save.error}
      onSubmit={(event) => {
        event.preventDefault();
        if (into && !save.isPending) save.mutate();
      }}
    >
      <Text size="sm">{t('ticket.mergeText')}</Text>
      <Select
        label={t('ticket.mergeInto')}
        placeholder={t('ticket.search')}
        required
        searchable
        data-autofocus
        nothingFoundMessage={t('ticket.noMatch')}
        data={(found.data ?? [])
          .filter((one) => one.id !== ticket.id)
          .map((one) => ({ value: one.id, label: `#${one.number} ${one.title}` }))}
        // The server has looked already.
        filter={({ options }) => options}
        onSearchChange={(value) => setText(value.replace(/^(#\d+) .*/, '$1'))}
        value={into}
        onChange={setInto}
      />
    </FormModal>
  );
}
