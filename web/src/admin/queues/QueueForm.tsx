import { Select, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../../api/client';
import { queuesQuery } from '../../api/queries';
import { useSave } from '../../api/useSave';
import { FormModal } from '../../ui/FormModal';
import { possibleParents, type Queue } from './tree';

interface Fields {
  name: string;
  kind: 'queue' | 'message';
  parent: string;
  key: string;
}

interface QueueFormProps {
  queue?: Queue;
  parent?: string | undefined;
  onClose: () => void;
  onSaved?: (queue: Queue) => void;
}

const keys = ['1', '2', '3', '4', '5', '6', '7', '8', '9'];

/** Makes a queue, or renames and moves one. */
export function QueueForm({ queue, parent, onClose, onSaved }: QueueFormProps) {
  const { t } = useTranslation('admin');
  const queues = useQuery(queuesQuery);
  const form = useForm<Fields>({
    initialValues: {
      name: queue?.name ?? '',
      kind: queue?.kind === 'message' ? 'message' : 'queue',
      parent: queue?.parent ?? parent ?? '',
      key: queue?.key ? String(queue.key) : '0',
    },
  });
  const save = useSave<Fields, Schema['Queue']>({
    save: ({ name, kind, parent: above, key }) => {
      const place = { name, key: above ? Number(key) : 0, ...(above ? { parent: above } : {}) };
      return queue
        ? body(api.PATCH('/api/v1/queues/{id}', { params: { path: { id: queue.id } }, body: place }))
        : body(api.POST('/api/v1/queues', { body: { ...place, kind } }));
    },
    nouns: ['queues'],
    done: (saved) => {
      onClose();
      onSaved?.(saved);
    },
  });
  const parents = possibleParents(queues.data ?? [], queue?.id ?? '');
  return (
    <FormModal
      opened
      title={queue ? t('queues.edit') : t('queues.add')}
      onClose={onClose}
      onSubmit={form.onSubmit((fields) => save.mutate(fields))}
      saving={save.isPending}
      error={save.error}
    >
      <TextInput label={t('queues.name')} required data-autofocus {...form.getInputProps('name')} />
      {!queue && (
        <Select
          label={t('queues.kind')}
          data={[
            { value: 'queue', label: t('queues.kindQueue') },
            { value: 'message', label: t('queues.kindMessage') },
          ]}
          {...form.getInputProps('kind')}
        />
      )}
      <Select
        label={t('queues.parent')}
        searchable
        data={[{ value: '', label: t('queues.top') }, ...parents.map((q) => ({ value: q.id, label: q.name }))]}
        {...form.getInputProps('parent')}
      />
      {form.values.parent && (
        <Select
          label={t('queues.key')}
          data={[{ value: '0', label: t('queues.keyHidden') }, ...keys]}
          {...form.getInputProps('key')}
        />
      )}
    </FormModal>
  );
}
