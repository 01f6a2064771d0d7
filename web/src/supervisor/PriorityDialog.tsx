import { NumberInput, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSave } from '../api/useSave';
import { FormModal } from '../ui/FormModal';

/** Changes the order of one that waits. */
export function PriorityDialog(props: {
  now: number;
  name: string;
  onClose: () => void;
  save: (priority: number) => Promise<unknown>;
  nouns: string[];
}) {
  const { t } = useTranslation('supervisor');
  const { name, onClose } = props;
  const [priority, setPriority] = useState<number | string>(props.now);
  const save = useSave<void>({
    save: () => props.save(Number(priority)),
    nouns: props.nouns,
    done: onClose,
  });
  return (
    <FormModal
      opened
      title={t('changePriority')}
      onClose={onClose}
      saving={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
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
