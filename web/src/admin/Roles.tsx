import { Alert, Button, Switch, TextInput } from '@mantine/core';
import { IconCopy, IconPlus, IconShieldCheck } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { permissionsQuery, rolesQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { useCan } from '../app/session';
import { type Column, DataTable } from '../ui/DataTable';
import { DeleteButton } from '../ui/DeleteButton';
import { FormDrawer } from '../ui/FormModal';
import { Page } from '../ui/Page';
import { Tag } from '../ui/State';
import { PermissionMatrix } from './PermissionMatrix';
import { fromGrants, type Grants, toGrants } from './permissions';
import { useRoleName } from './roleName';

type Role = Schema['Role'];

const blank: Role = { id: '', name: '', builtin: false, require_totp: false, permissions: [], created_at: '' };

export function Roles() {
  const { t } = useTranslation(['admin', 'common']);
  const can = useCan();
  const roleName = useRoleName();
  const roles = useQuery(rolesQuery);
  const [editing, setEditing] = useState<Role | null>(null);
  const columns = useMemo(
    (): Column<Role>[] => [
      {
        id: 'name',
        header: t('common:name'),
        sort: roleName,
        cell: (r) => <strong style={{ fontWeight: 550 }}>{roleName(r)}</strong>,
      },
      {
        id: 'kind',
        header: t('common:state'),
        width: 160,
        cell: (r) => (
          <Tag tone={r.builtin ? 'quiet' : 'info'}>{r.builtin ? t('roles.builtin') : t('roles.custom')}</Tag>
        ),
      },
      {
        id: 'permissions',
        header: t('roles.permissions'),
        width: 180,
        cell: (r) =>
          r.permissions.some((p) => p.verb === '*' && p.resource === '*')
            ? t('roles.everything')
            : t('roles.count', { count: r.permissions.length }),
      },
      {
        id: 'totp',
        header: t('roles.requireTotp'),
        width: 190,
        cell: (r) =>
          r.require_totp ? (
            <IconShieldCheck size={17} color="var(--t-good)" aria-label={t('common:yes')} />
          ) : (
            <span className="quiet">–</span>
          ),
      },
    ],
    [t, roleName],
  );
  return (
    <Page
      title={t('parts.roles')}
      actions={
        can('write', 'roles') && (
          <Button leftSection={<IconPlus size={16} />} onClick={() => setEditing(blank)}>
            {t('roles.add')}
          </Button>
        )
      }
    >
      <DataTable
        label={t('parts.roles')}
        rows={roles.data}
        loading={roles.isPending}
        error={roles.error}
        onRetry={roles.refetch}
        columns={columns}
        rowKey={(r) => r.id}
        onOpen={setEditing}
        empty={t('common:none')}
      />
      {editing && (
        <RoleForm key={editing.id + editing.name} role={editing} onClose={() => setEditing(null)} onCopy={setEditing} />
      )}
    </Page>
  );
}

function RoleForm({ role, onClose, onCopy }: { role: Role; onClose: () => void; onCopy: (role: Role) => void }) {
  const { t } = useTranslation(['admin', 'common']);
  const can = useCan();
  const roleName = useRoleName();
  const grantable = useQuery(permissionsQuery);
  const [name, setName] = useState(role.builtin ? roleName(role) : role.name);
  const [totp, setTotp] = useState(role.require_totp);
  const [changed, setChanged] = useState<Grants | null>(null);
  const grants = changed ?? toGrants(role.permissions, grantable.data ?? []);
  const save = useSave({
    save: () => {
      const input = { name, require_totp: totp, permissions: fromGrants(grants) };
      return role.id
        ? body(api.PUT('/api/v1/roles/{id}', { params: { path: { id: role.id } }, body: input }))
        : body(api.POST('/api/v1/roles', { body: input }));
    },
    nouns: ['roles', 'me'],
    done: onClose,
  });
  const readOnly = role.builtin || !can('write', 'roles');
  return (
    <FormDrawer
      opened
      wide
      title={role.id ? t('roles.edit') : t('roles.add')}
      onClose={onClose}
      onSubmit={() => save.mutate()}
      saving={save.isPending}
      error={save.error}
      readOnly={readOnly}
      extra={
        <>
          {role.id && can('write', 'roles') && (
            <Button
              variant="default"
              leftSection={<IconCopy size={15} />}
              onClick={() =>
                onCopy({ ...role, id: '', builtin: false, name: t('queues.copyName', { name: roleName(role) }) })
              }
            >
              {t('roles.copy')}
            </Button>
          )}
          {role.id && !role.builtin && can('delete', 'roles') && (
            <DeleteButton
              name={role.name}
              act={() => api.DELETE('/api/v1/roles/{id}', { params: { path: { id: role.id } } })}
              nouns={['roles']}
              onDone={onClose}
            />
          )}
        </>
      }
    >
      {role.builtin && (
        <Alert variant="light" color="petrol" p="sm">
          {t('roles.builtinNote')}
        </Alert>
      )}
      <TextInput
        label={t('common:name')}
        required
        disabled={readOnly}
        value={name}
        onChange={(e) => setName(e.currentTarget.value)}
      />
      <Switch
        label={t('roles.requireTotp')}
        disabled={readOnly}
        checked={totp}
        onChange={(e) => setTotp(e.currentTarget.checked)}
      />
      <PermissionMatrix grants={grants} onChange={setChanged} readOnly={readOnly} />
    </FormDrawer>
  );
}
