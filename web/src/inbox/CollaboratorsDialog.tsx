import { MultiSelect, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSave } from '../api/useSave';
import { FormModal } from '../ui/FormModal';
import { useColleagues } from './colleagues';
import { setCollaborators } from './routes';
import type { Conversation } from './types';

/** Who else works on the conversation. */
export function CollaboratorsDialog({ conversation, onClose }: { conversation: Conversation; onClose: () => void }) {
  const { t } = useTranslation('inbox');
  const colleagues = useColleagues();
  const [chosen, setChosen] = useState(conversation.collaborators ?? []);
  const save = useSave({
    save: () => setCollaborators(conversation.id, chosen),
    nouns: ['conversations', 'messages'],
    done: onClose,
  });
  return (
    <FormModal
      opened
      title={t('collaborators')}
      onClose={onClose}
      saving={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
    >
      <Text size="sm">{t('collaboratorsText')}</Text>
      <MultiSelect
        label={t('colleagues')}
        searchable
        data-autofocus
        nothingFoundMessage={t('noTargets')}
        data={colleagues.map((one) => ({ value: one.id, label: one.name }))}
        value={chosen}
        onChange={setChosen}
      />
    </FormModal>
  );
}
