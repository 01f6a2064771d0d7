import { MultiSelect, Switch, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { agentGroupsQuery, agentsQuery } from '../api/queries';
import type { Column } from '../ui/DataTable';
import { Tag } from '../ui/State';
import { EditDrawer } from './EditDrawer';
import { ListPage } from './ListPage';

type Group = Schema['AgentGroup'];

/** Groups of agents, by which queues widen who may get a call, and share calls out. */
export function AgentGroups() {
  const { t } = useTranslation(['admin', 'common']);
  const agents = useQuery(agentsQuery);
  const columns = useMemo((): Column<Group>[] => {
    const names = new Map(agents.data?.map((a) => [a.id, a.name]));
    return [
      {
        id: 'name',
        header: t('common:name'),
        width: 260,
        sort: (x) => x.name,
        cell: (x) => <strong style={{ fontWeight: 550 }}>{x.name}</strong>,
      },
      {
        id: 'agents',
        header: t('agentGroups.members'),
        cell: (x) => x.agents.map((id) => names.get(id) ?? id.slice(-6)).join(', ') || <span className="quiet">–</span>,
      },
      {
        id: 'auto',
        header: t('agentGroups.auto'),
        width: 200,
        cell: (x) =>
          x.auto_answer ? <Tag tone="info">{t('agentGroups.auto')}</Tag> : <span className="quiet">–</span>,
      },
    ];
  }, [t, agents.data]);
  return (
    <ListPage
      title={t('parts.agent-groups')}
      noun="queues"
      add={t('agentGroups.add')}
      query={useQuery(agentGroupsQuery)}
      columns={columns}
      rowKey={(x) => x.id}
      sortBy={{ id: 'name', desc: false }}
      empty={t('agentGroups.empty')}
      emptyText={t('agentGroups.emptyText')}
      form={(group, onClose) => <GroupForm group={group} onClose={onClose} />}
    />
  );
}

function GroupForm({ group, onClose }: { group: Group | null; onClose: () => void }) {
  const { t } = useTranslation(['admin', 'common']);
  const agents = useQuery(agentsQuery);
  const form = useForm<Schema['GroupInput']>({
    initialValues: { name: group?.name ?? '', agents: group?.agents ?? [], auto_answer: group?.auto_answer ?? false },
  });
  return (
    <EditDrawer
      thing={group}
      add={t('agentGroups.add')}
      edit={t('agentGroups.edit')}
      noun="queues"
      removeBy="write"
      nouns={['agent-groups']}
      form={form}
      save={(input: Schema['GroupInput']) =>
        group
          ? body(api.PUT('/api/v1/agent-groups/{id}', { params: { path: { id: group.id } }, body: input }))
          : body(api.POST('/api/v1/agent-groups', { body: input }))
      }
      remove={(id) => api.DELETE('/api/v1/agent-groups/{id}', { params: { path: { id } } })}
      onClose={onClose}
    >
      <TextInput label={t('common:name')} required data-autofocus maxLength={100} {...form.getInputProps('name')} />
      <MultiSelect
        label={t('agentGroups.members')}
        searchable
        data={agents.data?.map((a) => ({ value: a.id, label: a.name })) ?? []}
        {...form.getInputProps('agents')}
      />
      <Switch
        label={t('agentGroups.auto')}
        description={t('settings.autoAnswerHelp')}
        {...form.getInputProps('auto_answer', { type: 'checkbox' })}
      />
    </EditDrawer>
  );
}
