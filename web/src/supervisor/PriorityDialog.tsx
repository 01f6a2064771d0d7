import { NumberInput, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '../api/client';
import { useSave } from '../api/useSave';
import { FormModal } from '../ui/FormModal';
import type { CallLine } from './filters';

/** Changes the order of one that waits. */
export function PriorityDialog({ line, name, onClose }: { line: CallLine; name: string; onClose: () => void }) {
  const { t } = useTranslation('supervisor');
  const [priority, setPriority] = useState<number | string>(line.item?.priority ?? 0);
  const save = useSave<void>({
    save: () =>
      api.PUT('/api/v1/calls/{id}/priority', {
        params: { path: { id: line.id } },
        body: { priority: Number(priority) },
      }),
    nouns: ['calls'],
    done: onClose,
  });
  return (
    <FormModal
      opened
      title={t('changePriority')}
      onClose={onClose}
      saving={save.isPending}
      error={save.error}
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Text size="sm">{t('priorityText', { caller: name })}</Text>
      <NumberInput
        label={t('priority')}
        data-autofocus
        min={-1000}
        max={1000}
        step={10}
        allowDecimal={false}
        value={priority}
        onChange={setPriority}
      />
    </FormModal>
  );
}
