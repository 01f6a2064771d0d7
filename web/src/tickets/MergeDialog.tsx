import { Text } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { useSave } from '../api/useSave';
import { FormModal } from '../ui/FormModal';
import { TicketSelect } from './TicketSelect';

/** Gives everything of a ticket to another, which is chosen from the contact's or looked for. */
export function MergeDialog({ ticket, onClose }: { ticket: Schema['TicketPage']; onClose: () => void }) {
  const { t } = useTranslation('crm');
  const navigate = useNavigate();
  const [into, setInto] = useState<string | null>(null);
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
      onSubmit={() => into && save.mutate()}
    >
      <Text size="sm">{t('ticket.mergeText')}</Text>
      <TicketSelect ticket={ticket} label={t('ticket.mergeInto')} value={into} onChange={setInto} />
    </FormModal>
  );
}
