import { Select, Textarea, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, body } from '../api/client';
import { queuesQuery, slotsQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { FormModal } from '../ui/FormModal';
import { SlotSelect } from './SlotSelect';

interface Fields {
  queue_id: string | null;
  number: string;
  name: string;
  note: string;
  slot: string | null;
}

/** Has somebody called: at their turn, or in a slot. */
export function NewCallback({ to, onClose }: { to?: { number: string; name: string }; onClose: () => void }) {
  const { t } = useTranslation(['voicemail', 'common']);
  const queues = useQuery(queuesQuery);
  const form = useForm<Fields>({
    initialValues: { queue_id: null, number: to?.number ?? '', name: to?.name ?? '', note: '', slot: null },
  });
  const queue = form.values.queue_id;
  const slots = useQuery({ ...slotsQuery(queue ?? ''), enabled: queue !== null });
  const save = useSave({
    save: ({ queue_id, number, name, note, slot }: Fields) =>
      body(
        api.POST('/api/v1/callbacks', {
          body: { queue_id: queue_id ?? '', number, name, note, ...(slot ? { slot } : {}) },
        }),
      ),
    nouns: ['callbacks'],
    done: onClose,
  });
  return (
    <FormModal
      opened
      title={t('newCallback')}
      onClose={onClose}
      onSubmit={form.onSubmit((fields) => save.mutate(fields))}
      saving={save.isPending}
      error={save.error}
    >
      <TextInput
        label={t('number')}
        placeholder="+49301234567"
        type="tel"
        required
        data-autofocus
        {...form.getInputProps('number')}
      />
      <TextInput label={t('common:name')} {...form.getInputProps('name')} />
      <Select
        label={t('queue')}
        required
        searchable
        data={queues.data?.filter((q) => q.leaf).map((q) => ({ value: q.id, label: q.name })) ?? []}
        {...form.getInputProps('queue_id')}
      />
      {queue && (slots.data?.length ?? 0) > 0 && (
        <SlotSelect
          slots={slots.data ?? []}
          value={form.values.slot}
          onChange={(slot) => form.setFieldValue('slot', slot)}
        />
      )}
      <Textarea label={t('note')} autosize minRows={2} {...form.getInputProps('note')} />
    </FormModal>
  );
}
