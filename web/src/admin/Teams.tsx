import { MultiSelect, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { teamsQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { usePeople } from '../app/people';
import { useCan } from '../app/session';
import type { Column } from '../ui/DataTable';
import { DeleteButton } from '../ui/DeleteButton';
import { FormDrawer } from '../ui/FormModal';
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
  const can = useCan();
  const people = usePeople();
  const form = useForm<Schema['TeamInput']>({
    initialValues: { name: team?.name ?? '', members: team?.members ?? [] },
  });
  const save = useSave({
    save: (input: Schema['TeamInput']) =>
      team
        ? body(api.PUT('/api/v1/teams/{id}', { params: { path: { id: team.id } }, body: input }))
        : body(api.POST('/api/v1/teams', { body: input })),
    nouns: ['teams', 'users'],
    done: onClose,
  });
  return (
    <FormDrawer
      opened
      title={team ? t('teams.edit') : t('teams.add')}
      onClose={onClose}
      onSubmit={form.onSubmit((input) => save.mutate(input))}
      saving={save.isPending}
      error={save.error}
      readOnly={!can('write', 'teams')}
      extra={
        team &&
        can('delete', 'teams') && (
          <DeleteButton
            name={team.name}
            act={() => api.DELETE('/api/v1/teams/{id}', { params: { path: { id: team.id } } })}
            nouns={['teams', 'users']}
            onDone={onClose}
          />
        )
      }
    >
      <TextInput label={t('common:name')} required data-autofocus {...form.getInputProps('name')} />
      <MultiSelect
        label={t('teams.members')}
        searchable
        data={people.list.map((user) => ({ value: user.id, label: user.name }))}
        {...form.getInputProps('members')}
      />
    </FormDrawer>
  );
}
