import { Button, Group, MultiSelect, PasswordInput, Select, Switch, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { rolesQuery, teamsQuery } from '../api/queries';
import { useAct, useSave } from '../api/useSave';
import { useCan } from '../app/session';
import { useConfirm } from '../ui/confirm';
import { FormDrawer } from '../ui/FormModal';
import { useRoleName } from './roleName';

type User = Schema['User'];

interface Fields {
  name: string;
  email: string;
  password: string;
  extension: string;
  locale: 'en' | 'zh';
  active: boolean;
  roles: string[];
  teams: string[];
}

export function UserForm({ user, onClose }: { user: User | null; onClose: () => void }) {
  const { t } = useTranslation(['admin', 'common']);
  const can = useCan();
  const roles = useQuery({ ...rolesQuery, enabled: can('read', 'roles') });
  const teams = useQuery({ ...teamsQuery, enabled: can('read', 'teams') });
  const roleName = useRoleName();
  const form = useForm<Fields>({
    initialValues: {
      name: user?.name ?? '',
      email: user?.email ?? '',
      password: '',
      extension: user?.extension ?? '',
      locale: user?.locale === 'zh' ? 'zh' : 'en',
      active: user?.active ?? true,
      roles: user?.roles ?? [],
      teams: user?.teams ?? [],
    },
  });
  const save = useSave({
    save: ({ password, active, ...fields }: Fields) =>
      user
        ? body(
            api.PATCH('/api/v1/users/{id}', {
              params: { path: { id: user.id } },
              body: { ...fields, active, ...(password ? { password } : {}) },
            }),
          )
        : body(api.POST('/api/v1/users', { body: { ...fields, password } })),
    nouns: ['users', 'agents', 'teams'],
    done: onClose,
  });
  const readOnly = !can('write', 'users');
  return (
    <FormDrawer
      opened
      title={user ? t('users.edit') : t('users.add')}
      onClose={onClose}
      onSubmit={form.onSubmit((fields) => save.mutate(fields))}
      saving={save.isPending}
      error={save.error}
      readOnly={readOnly}
    >
      <TextInput label={t('common:name')} required data-autofocus {...form.getInputProps('name')} />
      <TextInput label={t('users.email')} type="email" required {...form.getInputProps('email')} />
      <PasswordInput
        label={t('users.password')}
        description={user ? t('users.passwordKeep') : undefined}
        required={!user}
        autoComplete="new-password"
        {...form.getInputProps('password')}
      />
      <MultiSelect
        label={t('users.roles')}
        required
        data={roles.data?.map((role) => ({ value: role.id, label: roleName(role) })) ?? []}
        {...form.getInputProps('roles')}
      />
      <MultiSelect
        label={t('users.teams')}
        data={teams.data?.map((team) => ({ value: team.id, label: team.name })) ?? []}
        {...form.getInputProps('teams')}
      />
      <Group grow>
        <TextInput
          label={t('users.extension')}
          description={t('users.extensionHint')}
          {...form.getInputProps('extension')}
        />
        <Select
          label={t('users.locale')}
          description=" "
          data={[
            { value: 'en', label: 'English' },
            { value: 'zh', label: '中文' },
          ]}
          {...form.getInputProps('locale')}
        />
      </Group>
      {user && <Switch label={t('users.active')} {...form.getInputProps('active', { type: 'checkbox' })} />}
      {user && !readOnly && <UserActions user={user} />}
    </FormDrawer>
  );
}

function UserActions({ user }: { user: User }) {
  const { t } = useTranslation('admin');
  const confirm = useConfirm();
  const params = { path: { id: user.id } };
  const sessions = useAct({ act: () => api.DELETE('/api/v1/users/{id}/sessions', { params }), nouns: ['users'] });
  const totp = useAct({ act: () => api.DELETE('/api/v1/users/{id}/totp', { params }), nouns: ['users'] });
  const ask = (name: 'endSessions' | 'resetTotp', onConfirm: () => void) =>
    confirm({
      title: t(`users.${name}Title`, { name: user.name }),
      text: t(`users.${name}Text`),
      action: t(`users.${name}`),
      onConfirm,
    });
  return (
    <Group gap="xs">
      <Button variant="default" size="compact-sm" onClick={() => ask('endSessions', () => sessions.mutate())}>
        {t('users.endSessions')}
      </Button>
      {user.totp && (
        <Button variant="default" size="compact-sm" onClick={() => ask('resetTotp', () => totp.mutate())}>
          {t('users.resetTotp')}
        </Button>
      )}
    </Group>
  );
}
