import { MultiSelect, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { teamsQuery } from '../api/queries';
import { usePeople } from '../app/people';
import type { Column } from '../ui/DataTable';
import { EditDrawer } from './EditDrawer';
import { ListPage } from './ListPage';

type Team = Schema['Team'];

export function Teams() {
  const { t } = useTranslation(['admin', 'common']);
  const { nameOf } = usePeople();
  const columns = useMemo(
    (): Column<Team>[] => [
      {
        id: 'name',
        header: t('common:name'),
        width: 260,
        sort: (x) => x.name,
        cell: (x) => <strong style={{ fontWeight: 550 }}>{x.name}</strong>,
      },
      {
        id: 'members',
        header: t('teams.members'),
        cell: (x) => x.members.map(nameOf).join(', ') || <span className="quiet">–</span>,
      },
    ],
    [t, nameOf],
  );
  return (
    <ListPage
      title={t('parts.teams')}
      noun="teams"
      add={t('teams.add')}
      query={useQuery(teamsQuery)}
      columns={columns}
      rowKey={(x) => x.id}
      sortBy={{ id: 'name', desc: false }}
      empty={t('teams.empty')}
      emptyText={t('teams.emptyText')}
      form={(team, onClose) => <TeamForm team={team} onClose={onClose} />}
    />
  );
}

function TeamForm({ team, onClose }: { team: Team | null; onClose: () => void }) {
  const { t } = useTranslation(['admin', 'common']);
  const people = usePeople();
  const form = useForm<Schema['TeamInput']>({
    initialValues: { name: team?.name ?? '', members: team?.members ?? [] },
  });
  return (
    <EditDrawer
      thing={team}
      add={t('teams.add')}
      edit={t('teams.edit')}
      noun="teams"
      nouns={['teams', 'users']}
      form={form}
      save={(input: Schema['TeamInput']) =>
        team
          ? body(api.PUT('/api/v1/teams/{id}', { params: { path: { id: team.id } }, body: input }))
          : body(api.POST('/api/v1/teams', { body: input }))
      }
      remove={(id) => api.DELETE('/api/v1/teams/{id}', { params: { path: { id } } })}
      onClose={onClose}
    >
      <TextInput label={t('common:name')} required data-autofocus {...form.getInputProps('name')} />
      <MultiSelect
        label={t('teams.members')}
        searchable
        data={people.list.map((user) => ({ value: user.id, label: user.name }))}
        {...form.getInputProps('members')}
      />
    </EditDrawer>
  );
}
