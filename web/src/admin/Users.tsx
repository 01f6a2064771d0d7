import { Button } from '@mantine/core';
import { IconPlus, IconShieldCheck } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { rolesQuery, usersQuery } from '../api/queries';
import { useCan } from '../app/session';
import { type Column, DataTable } from '../ui/DataTable';
import { Page } from '../ui/Page';
import { SearchInput } from '../ui/SearchInput';
import { State } from '../ui/State';
import { DateTime } from '../ui/time';
import { useRoleName } from './roleName';
import { UserForm } from './UserForm';

type User = Schema['User'];

export function Users() {
  const { t } = useTranslation(['admin', 'common']);
  const can = useCan();
  const users = useQuery(usersQuery);
  const roles = useQuery({ ...rolesQuery, enabled: can('read', 'roles') });
  const roleName = useRoleName();
  const [text, setText] = useState('');
  const [editing, setEditing] = useState<User | 'new' | null>(null);
  const columns = useMemo((): Column<User>[] => {
    const names = new Map(roles.data?.map((role) => [role.id, roleName(role)]));
    return [
      {
        id: 'name',
        header: t('common:name'),
        sort: (u) => u.name,
        cell: (u) => <strong style={{ fontWeight: 550 }}>{u.name}</strong>,
      },
      { id: 'email', header: t('users.email'), sort: (u) => u.email, cell: (u) => u.email },
      { id: 'roles', header: t('users.roles'), cell: (u) => u.roles.map((id) => names.get(id) ?? '–').join(', ') },
      {
        id: 'extension',
        header: t('users.extension'),
        width: 100,
        cell: (u) => <span className="tnum">{u.extension || '–'}</span>,
      },
      {
        id: 'totp',
        header: t('users.totp'),
        width: 120,
        cell: (u) =>
          u.totp ? (
            <IconShieldCheck size={17} color="var(--t-good)" aria-label={t('common:yes')} />
          ) : (
            <span className="quiet">–</span>
          ),
      },
      {
        id: 'active',
        header: t('common:state'),
        width: 110,
        sort: (u) => Number(u.active),
        cell: (u) => (
          <State tone={u.active ? 'good' : 'quiet'}>{u.active ? t('users.active') : t('users.inactive')}</State>
        ),
      },
      {
        id: 'login',
        header: t('users.lastLogin'),
        width: 150,
        align: 'right',
        sort: (u) => (u.last_login_at ? Date.parse(u.last_login_at) : 0),
        cell: (u) =>
          u.last_login_at ? (
            <DateTime time={u.last_login_at} short />
          ) : (
            <span className="quiet">{t('users.never')}</span>
          ),
      },
    ];
  }, [t, roles.data, roleName]);
  const wanted = text.trim().toLowerCase();
  const rows = users.data?.filter((u) => `${u.name} ${u.email} ${u.extension}`.toLowerCase().includes(wanted));
  return (
    <Page
      title={t('parts.users')}
      actions={
        can('write', 'users') && (
          <Button leftSection={<IconPlus size={16} />} onClick={() => setEditing('new')}>
            {t('users.add')}
          </Button>
        )
      }
    >
      <SearchInput label={t('users.search')} value={text} onChange={setText} />
      <DataTable
        label={t('parts.users')}
        rows={rows}
        loading={users.isPending}
        error={users.error}
        onRetry={users.refetch}
        columns={columns}
        rowKey={(u) => u.id}
        onOpen={setEditing}
        sortBy={{ id: 'name', desc: false }}
        empty={t('users.empty')}
      />
      {editing && <UserForm user={editing === 'new' ? null : editing} onClose={() => setEditing(null)} />}
    </Page>
  );
}
