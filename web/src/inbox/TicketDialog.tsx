import { Group, SegmentedControl, Select, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ticketsQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { useTicketTypes } from '../tickets/types';
import { priorities } from '../tickets/words';
import { FormModal } from '../ui/FormModal';
import { setTicket } from './routes';
import type { Conversation } from './types';

/** Makes a ticket of the conversation, or links one that is there. */
export function TicketDialog(props: { conversation: Conversation; name: string; onClose: () => void }) {
  const { t } = useTranslation(['inbox', 'crm']);
  const { conversation, onClose } = props;
  const tickets = useQuery(ticketsQuery({ contact: conversation.contact_id }));
  const types = useTicketTypes();
  const [kind, setKind] = useState('new');
  const [ticket, setLinked] = useState<string | null>(conversation.ticket_id ?? null);
  const [input, setInput] = useState({ title: props.name, type: 'general', priority: 'medium' });
  const set = (change: Partial<typeof input>) => setInput({ ...input, ...change });
  const save = useSave({
    save: () => setTicket(conversation.id, kind === 'new' ? input : { ticket_id: ticket ?? '' }),
    nouns: ['conversations', 'messages', 'tickets'],
    done: onClose,
  });
  const complete = kind === 'new' ? input.title.trim() !== '' : ticket !== null;
  return (
    <FormModal
      opened
      title={t('ticket')}
      onClose={onClose}
      saving={save.isPending}
      error={save.error}
      onSubmit={() => complete && save.mutate()}
    >
      <SegmentedControl
        fullWidth
        aria-label={t('ticket')}
        data={[
          { value: 'new', label: t('newTicket') },
          { value: 'link', label: t('linkTicket') },
        ]}
        value={kind}
        onChange={setKind}
      />
      {kind === 'new' ? (
        <>
          <TextInput
            label={t('crm:ticket.subject')}
            required
            data-autofocus
            value={input.title}
            onChange={(event) => set({ title: event.currentTarget.value })}
          />
          <Group grow>
            <Select
              label={t('crm:ticket.priority')}
              data={priorities.map((value) => ({ value, label: t(`crm:priority.${value}`) }))}
              value={input.priority}
              onChange={(value) => set({ priority: value ?? 'medium' })}
            />
            <Select
              label={t('crm:ticket.type')}
              data={types.options}
              value={input.type}
              onChange={(value) => set({ type: value ?? 'general' })}
            />
          </Group>
        </>
      ) : (
        <Select
          label={t('ticketOf')}
          required
          searchable
          nothingFoundMessage={t('noTickets')}
          placeholder={tickets.data?.length === 0 ? t('noTickets') : ''}
          data={(tickets.data ?? []).map((one) => ({ value: one.id, label: `#${one.number} ${one.title}` }))}
          value={ticket}
          onChange={setLinked}
        />
      )}
    </FormModal>
  );
}
