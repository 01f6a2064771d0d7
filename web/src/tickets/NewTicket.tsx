import { Group, Select, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { useSave } from '../api/useSave';
import { FormModal } from '../ui/FormModal';
import { useTicketTypes } from './types';
import { priorities } from './words';

export function NewTicket({ opened, onClose, contact }: { opened: boolean; onClose: () => void; contact?: string }) {
  const { t } = useTranslation('crm');
  const navigate = useNavigate();
  const types = useTicketTypes();
  const form = useForm<Schema['TicketInput']>({ initialValues: { title: '', priority: 'medium', type: 'general' } });
  const save = useSave({
    save: (ticket: Schema['TicketInput']) =>
      body(api.POST('/api/v1/tickets', { body: { ...ticket, ...(contact ? { contact_id: contact } : {}) } })),
    nouns: ['tickets'],
    done: (made) => {
      form.reset();
      onClose();
      void navigate({ to: '/tickets/$id', params: { id: made.id } });
    },
  });
  return (
    <FormModal
      opened={opened}
      title={t('ticket.new')}
      onClose={onClose}
      onSubmit={form.onSubmit((ticket) => save.mutate(ticket))}
      saving={save.isPending}
      error={save.error}
    >
      <TextInput label={t('ticket.subject')} required data-autofocus {...form.getInputProps('title')} />
      <Group grow>
        <Select
          label={t('ticket.priority')}
          data={priorities.map((value) => ({ value, label: t(`priority.${value}`) }))}
          {...form.getInputProps('priority')}
        />
        <Select label={t('ticket.type')} data={types.options} {...form.getInputProps('type')} />
      </Group>
    </FormModal>
  );
}
