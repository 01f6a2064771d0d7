import { Button, MultiSelect, Skeleton, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body } from '../../api/client';
import { agentsQuery, queueMembersQuery } from '../../api/queries';
import { useSave } from '../../api/useSave';
import { useCan } from '../../app/session';
import { ErrorNotice } from '../../ui/ErrorNotice';

/** Who takes this queue's calls. */
export function Members({ queue }: { queue: string }) {
  const { t } = useTranslation(['admin', 'common']);
  const can = useCan();
  const members = useQuery(queueMembersQuery(queue));
  const agents = useQuery(agentsQuery);
  const [changed, setChanged] = useState<string[] | null>(null);
  const save = useSave({
    save: (list: string[]) =>
      body(api.PUT('/api/v1/queues/{id}/members', { params: { path: { id: queue } }, body: { agents: list } })),
    nouns: ['queues', 'agents'],
    done: () => setChanged(null),
  });
  const error = members.error ?? agents.error;
  if (error) return <ErrorNotice error={error} onRetry={() => void members.refetch()} />;
  if (!members.data || !agents.data) return <Skeleton height={120} />;
  const list = changed ?? members.data.agents;
  const names = new Map(agents.data.map((a) => [a.id, a.name]));
  return (
    <div style={{ display: 'flex', flexDirection: 'column', gap: 12, alignItems: 'flex-start' }}>
      <MultiSelect
        w="100%"
        label={t('queues.agents')}
        description={t('queues.agentsHint')}
        searchable
        disabled={!can('write', 'queues')}
        data={[...new Set([...names.keys(), ...list])].map((id) => ({
          value: id,
          label: names.get(id) ?? id.slice(-6),
        }))}
        value={list}
        onChange={setChanged}
      />
      {list.length === 0 && (
        <Text size="sm" c="var(--t-warn)">
          {t('queues.agentsNone')}
        </Text>
      )}
      {save.error && <ErrorNotice error={save.error} />}
      <Button disabled={!changed} loading={save.isPending} onClick={() => save.mutate(list)}>
        {t('common:save')}
      </Button>
    </div>
  );
}
