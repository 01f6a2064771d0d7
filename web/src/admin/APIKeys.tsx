import { ActionIcon, Alert, Button, Code, CopyButton, Group, TextInput } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { apiKeysQuery } from '../api/queries';
import { useAct, useSave } from '../api/useSave';
import { useCan } from '../app/session';
import { useConfirm } from '../ui/confirm';
import { type Column, DataTable } from '../ui/DataTable';
import { FormDrawer } from '../ui/FormModal';
import { Page } from '../ui/Page';
import { State } from '../ui/State';
import { DateTime } from '../ui/time';
import { ClientSecret } from './ClientSecret';
import { PermissionMatrix } from './PermissionMatrix';
import { fromGrants, type Grants } from './permissions';

type Key = Schema['APIKey'];

export function APIKeys() {
  const { t } = useTranslation(['admin', 'common']);
  const can = useCan();
  const keys = useQuery(apiKeysQuery);
  const [making, setMaking] = useState(false);
  const mayRevoke = can('delete', 'api-keys');
  const columns = useMemo(
    (): Column<Key>[] => [
      {
        id: 'name',
        header: t('keys.name'),
        sort: (k) => k.name,
        cell: (k) => <strong style={{ fontWeight: 550 }}>{k.name}</strong>,
      },
      { id: 'prefix', header: t('keys.prefix'), width: 140, cell: (k) => <Code>{`${k.prefix}…`}</Code> },
      {
        id: 'permissions',
        header: t('keys.permissions'),
        width: 170,
        cell: (k) => t('roles.count', { count: k.permissions.length }),
      },
      {
        id: 'created',
        header: t('common:created'),
        width: 150,
        sort: (k) => Date.parse(k.created_at),
        cell: (k) => <DateTime time={k.created_at} short />,
      },
      {
        id: 'used',
        header: t('keys.lastUsed'),
        width: 150,
        cell: (k) =>
          k.last_used_at ? <DateTime time={k.last_used_at} short /> : <span className="quiet">{t('keys.never')}</span>,
      },
      {
        id: 'state',
        header: t('common:state'),
        width: 110,
        cell: (k) => (
          <State tone={k.revoked_at ? 'quiet' : 'good'}>{k.revoked_at ? t('keys.revoked') : t('keys.active')}</State>
        ),
      },
      {
        id: 'actions',
        header: t('common:actions'),
        actions: true,
        width: 110,
        align: 'right',
        cell: (k) => (mayRevoke && !k.revoked_at ? <Revoke apiKey={k} /> : null),
      },
    ],
    [t, mayRevoke],
  );
  return (
    <Page
      title={t('parts.keys')}
      actions={can('write', 'api-keys') && <Button onClick={() => setMaking(true)}>{t('keys.add')}</Button>}
    >
      <DataTable
        label={t('parts.keys')}
        rows={keys.data}
        loading={keys.isPending}
        error={keys.error}
        onRetry={keys.refetch}
        columns={columns}
        rowKey={(k) => k.id}
        sortBy={{ id: 'created', desc: true }}
        empty={t('keys.empty')}
        emptyText={t('keys.emptyText')}
      />
      <ClientSecret />
      {making && <KeyForm onClose={() => setMaking(false)} />}
    </Page>
  );
}

function Revoke({ apiKey }: { apiKey: Key }) {
  const { t } = useTranslation('admin');
  const confirm = useConfirm();
  const revoke = useAct({
    act: () => api.DELETE('/api/v1/api-keys/{id}', { params: { path: { id: apiKey.id } } }),
    nouns: ['api-keys'],
  });
  return (
    <Button
      variant="subtle"
      color="red"
      size="compact-sm"
      aria-label={`${t('keys.revoke')}: ${apiKey.name}`}
      loading={revoke.isPending}
      onClick={() =>
        confirm({
          title: t('keys.revokeTitle', { name: apiKey.name }),
          text: t('keys.revokeText'),
          action: t('keys.revoke'),
          onConfirm: () => revoke.mutate(),
        })
      }
    >
      {t('keys.revoke')}
    </Button>
  );
}

function KeyForm({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation('admin');
  const [name, setName] = useState('');
  const [grants, setGrants] = useState<Grants>(new Map());
  const save = useSave({
    save: () => body(api.POST('/api/v1/api-keys', { body: { name, permissions: fromGrants(grants) } })),
    nouns: ['api-keys'],
  });
  return (
    <FormDrawer
      opened
      wide
      title={t('keys.add')}
      onClose={onClose}
      onSubmit={() => save.mutate()}
      saving={save.isPending}
      error={save.error}
      readOnly={save.data !== undefined}
    >
      {save.data ? (
        <Made secret={save.data.key} />
      ) : (
        <>
          <TextInput
            label={t('keys.name')}
            required
            data-autofocus
            value={name}
            onChange={(e) => setName(e.currentTarget.value)}
          />
          <PermissionMatrix grants={grants} onChange={setGrants} readOnly={false} />
        </>
      )}
    </FormDrawer>
  );
}

/** A secret that is shown once. */
export function Made({ secret }: { secret: string }) {
  const { t } = useTranslation(['admin', 'common']);
  return (
    <Alert role="status" variant="light" color="petrol" title={t('keys.madeTitle')}>
      <p style={{ marginTop: 0 }}>{t('keys.madeText')}</p>
      <Group gap="xs" wrap="nowrap">
        <Code block style={{ flex: 1, overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }}>
          {secret}
        </Code>
        <CopyButton value={secret}>
          {({ copied, copy }) => (
            <ActionIcon
              variant="default"
              size={34}
              aria-label={copied ? t('common:copied') : t('common:copy')}
              onClick={copy}
            >
              {copied ? <IconCheck size={17} /> : <IconCopy size={17} />}
            </ActionIcon>
          )}
        </CopyButton>
      </Group>
    </Alert>
  );
}
