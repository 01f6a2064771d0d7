import { Select, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSave } from '../api/useSave';
import { useLive } from '../app/liveLists';
import { FormModal } from '../ui/FormModal';
import { notifyDone } from '../ui/notify';
import { useWorkText } from './work';

/** Offers one that waits to an agent, whoever is next. */
export function AssignDialog(props: {
  name: string;
  onClose: () => void;
  assign: (agent: string) => Promise<unknown>;
  nouns: string[];
}) {
  const { t } = useTranslation('supervisor');
  const workText = useWorkText();
  const { name, onClose } = props;
  const [agent, setAgent] = useState<string | null>(null);
  const agents = useLive('agents').rows ?? [];
  const save = useSave<void>({
    save: () => props.assign(agent as string),
    nouns: props.nouns,
    quiet: true,
    done: () => {
      notifyDone(t('assigned', { agent: agents.find((a) => a.id === agent)?.name ?? '' }));
      onClose();
    },
  });
  const here = agents.filter((a) => a.presence === 'AVAILABLE' || a.always_available);
  return (
    <FormModal
      opened
      title={t('assign')}
      onClose={onClose}
      saving={save.isPending}
      error={save.error}
      onSubmit={() => agent && save.mutate()}
    >
      <Text size="sm">{t('assignText', { caller: name })}</Text>
      <Select
        label={t('agent')}
        required
        searchable
        data-autofocus
        nothingFoundMessage={t('emptyAgents')}
        data={here.map((a) => ({ value: a.id, label: `${a.name} · ${workText(a)}` }))}
        value={agent}
        onChange={setAgent}
      />
    </FormModal>
  );
}
