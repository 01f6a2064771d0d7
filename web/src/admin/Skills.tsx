import { TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { skillsQuery } from '../api/queries';
import type { Column } from '../ui/DataTable';
import { EditDrawer } from './EditDrawer';
import { ListPage } from './ListPage';

type Skill = Schema['AgentSkill'];

/** What queues can ask of agents; who has which is set at the agent. */
export function Skills() {
  const { t } = useTranslation(['admin', 'common']);
  const columns = useMemo(
    (): Column<Skill>[] => [
      {
        id: 'name',
        header: t('common:name'),
        sort: (x) => x.name,
        cell: (x) => <strong style={{ fontWeight: 550 }}>{x.name}</strong>,
      },
      {
        id: 'agents',
        header: t('skills.agents'),
        width: 140,
        align: 'right',
        sort: (x) => x.agents,
        cell: (x) => <span className="tnum">{x.agents}</span>,
      },
    ],
    [t],
  );
  return (
    <ListPage
      title={t('parts.skills')}
      noun="queues"
      add={t('skills.add')}
      query={useQuery(skillsQuery)}
      columns={columns}
      rowKey={(x) => x.id}
      sortBy={{ id: 'name', desc: false }}
      empty={t('skills.empty')}
      emptyText={t('skills.emptyText')}
      form={(skill, onClose) => <SkillForm skill={skill} onClose={onClose} />}
    />
  );
}

function SkillForm({ skill, onClose }: { skill: Skill | null; onClose: () => void }) {
  const { t } = useTranslation(['admin', 'common']);
  const form = useForm<Schema['SkillInput']>({ initialValues: { name: skill?.name ?? '' } });
  return (
    <EditDrawer
      thing={skill}
      add={t('skills.add')}
      edit={t('skills.edit')}
      noun="queues"
      removeBy="write"
      nouns={['skills']}
      form={form}
      save={(input: Schema['SkillInput']) =>
        skill
          ? body(api.PUT('/api/v1/skills/{id}', { params: { path: { id: skill.id } }, body: input }))
          : body(api.POST('/api/v1/skills', { body: input }))
      }
      remove={(id) => api.DELETE('/api/v1/skills/{id}', { params: { path: { id } } })}
      onClose={onClose}
    >
      <TextInput label={t('common:name')} required data-autofocus maxLength={100} {...form.getInputProps('name')} />
    </EditDrawer>
  );
}
