import { Select, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '../api/client';
import { useSave } from '../api/useSave';
import { useLive } from '../app/liveLists';
import { FormModal } from '../ui/FormModal';
import { notifyDone } from '../ui/notify';
import type { CallLine } from './filters';

/** Offers one that waits to an agent, whoever is next. */
export function AssignDialog({ line, name, onClose }: { line: CallLine; name: string; onClose: () => void }) {
  const { t } = useTranslation(['supervisor', 'common']);
  const [agent, setAgent] = useState<string | null>(null);
  const agents = useLive('agents').rows ?? [];
  const save = useSave<void>({
    save: () =>
      api.POST('/api/v1/items/{id}/assign', { params: { path: { id: line.id } }, body: { agent: agent as string } }),
    nouns: ['calls'],
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
      onSubmit={(event) => {
        event.preventDefault();
        if (agent && !save.isPending) save.mutate();
      }}
    >
      <Text size="sm">{t('assignText', { caller: name })}</Text>
      <Select
        label={t('agent')}
        required
        searchable
        data-autofocus
        nothingFoundMessage={t('emptyAgents')}
        data={here.map((a) => ({ value: a.id, label: `${a.name} · ${t(`common:routing.${a.state}`)}` }))}
        value={agent}
        onChange={setAgent}
      />
    </FormModal>
  );
}
