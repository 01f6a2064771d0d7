import { Button, Drawer, Group, Select, Skeleton, Stack, Text, TextInput } from '@mantine/core';
import { IconRefresh } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body } from '../../api/client';
import { channelKindsQuery, channelsQuery } from '../../api/queries';
import { useAct } from '../../api/useSave';
import { useCan } from '../../app/session';
import composer from '../../inbox/composer.module.css';
import { templatesQuery } from '../../inbox/queries';
import { headerFile, previewOf, variablesOf } from '../../inbox/template';
import type { Template } from '../../inbox/types';
import { useVariableLabel } from '../../inbox/useVariableLabel';
import { type Column, DataTable } from '../../ui/DataTable';
import { ErrorNotice } from '../../ui/ErrorNotice';
import { EmptyState, Facts, Page } from '../../ui/Page';
import { Tag, type Tone } from '../../ui/State';
import { useCloseLabel } from '../../ui/useCloseLabel';

const tones: Record<string, Tone> = {
  APPROVED: 'good',
  PENDING: 'info',
  IN_APPEAL: 'info',
  PAUSED: 'warn',
  LIMIT_EXCEEDED: 'warn',
};

/** What may be sent to customers outside their window, as the platform has approved it. */
export function Templates() {
  const { t } = useTranslation(['channels', 'admin', 'inbox']);
  const accounts = useQuery(channelsQuery);
  const kinds = useQuery(channelKindsQuery);
  const [chosen, setChosen] = useState<string | null>(null);
  const able = new Set(kinds.data?.filter((k) => k.traits.templates).map((k) => k.channel));
  const usable = accounts.data?.filter((a) => able.has(a.channel)) ?? [];
  const account = usable.find((a) => a.id === chosen) ?? usable[0];
  const error = accounts.error ?? kinds.error;
  return (
    <Page title={t('admin:parts.templates')} actions={account && <Sync account={account.id} />}>
      {error ? (
        <ErrorNotice error={error} onRetry={() => void Promise.all([accounts.refetch(), kinds.refetch()])} />
      ) : !accounts.data || !kinds.data ? (
        <Skeleton height={240} />
      ) : !account ? (
        <EmptyState title={t('templates.none')} text={t('templates.noneText')} />
      ) : (
        <Stack gap="md">
          {usable.length > 1 && (
            <Select
              label={t('templates.account')}
              w={320}
              allowDeselect={false}
              data={usable.map((a) => ({ value: a.id, label: `${a.label} · ${t(`inbox:channels.${a.channel}`)}` }))}
              value={account.id}
              onChange={setChosen}
            />
          )}
          <List key={account.id} account={account.id} />
        </Stack>
      )}
    </Page>
  );
}

function Sync({ account }: { account: string }) {
  const { t } = useTranslation('channels');
  const can = useCan();
  const sync = useAct({
    act: () => body(api.POST('/api/v1/channels/{id}/templates/sync', { params: { path: { id: account } } })),
    nouns: ['channels'],
  });
  if (!can('write', 'channels')) return null;
  return (
    <Button leftSection={<IconRefresh size={16} />} loading={sync.isPending} onClick={() => sync.mutate()}>
      {t('templates.sync')}
    </Button>
  );
}

function List({ account }: { account: string }) {
  const { t } = useTranslation(['channels', 'common']);
  const found = useQuery(templatesQuery(account));
  const [open, setOpen] = useState<Template | null>(null);
  const columns = useMemo(
    (): Column<Template>[] => [
      {
        id: 'name',
        header: t('common:name'),
        sort: (x) => x.name,
        cell: (x) => <strong style={{ fontWeight: 550 }}>{x.name}</strong>,
      },
      {
        id: 'language',
        header: t('templates.language'),
        width: 110,
        sort: (x) => x.language,
        cell: (x) => x.language || <span className="quiet">–</span>,
      },
      {
        id: 'category',
        header: t('templates.category'),
        width: 150,
        sort: (x) => x.category,
        cell: (x) => t(`templates.categories.${x.category}`, x.category),
      },
      {
        id: 'status',
        header: t('common:state'),
        width: 140,
        sort: (x) => x.status,
        cell: (x) => <Status template={x} />,
      },
      {
        id: 'quality',
        header: t('templates.quality'),
        width: 120,
        sort: (x) => x.quality ?? '',
        cell: (x) => (x.quality ? t(`quality.${x.quality}`, x.quality) : <span className="quiet">–</span>),
      },
      {
        id: 'reason',
        header: t('templates.reason'),
        width: 220,
        cell: (x) => (x.reason && x.reason !== 'NONE' ? x.reason : <span className="quiet">–</span>),
      },
    ],
    [t],
  );
  return (
    <>
      <DataTable
        label={t('admin:parts.templates')}
        rows={found.data}
        loading={found.isPending}
        error={found.error}
        onRetry={found.refetch}
        columns={columns}
        rowKey={(x) => `${x.name} ${x.language}`}
        onOpen={setOpen}
        sortBy={{ id: 'name', desc: false }}
        empty={t('templates.empty')}
        emptyText={t('templates.emptyText')}
      />
      {open && <Preview template={open} onClose={() => setOpen(null)} />}
    </>
  );
}

function Status({ template }: { template: Template }) {
  const { t } = useTranslation('channels');
  return <Tag tone={tones[template.status] ?? 'bad'}>{t(`templates.status.${template.status}`, template.status)}</Tag>;
}

function Preview({ template, onClose }: { template: Template; onClose: () => void }) {
  const { t } = useTranslation(['channels', 'common']);
  const variables = variablesOf(template);
  const label = useVariableLabel();
  const [values, setValues] = useState<Record<string, string>>(
    Object.fromEntries(variables.map((one) => [one.key, one.example])),
  );
  return (
    <Drawer opened onClose={onClose} title={template.name} size={460} closeButtonProps={useCloseLabel()}>
      <Stack gap="md">
        <Facts
          rows={[
            [t('templates.language'), template.language || '–'],
            [t('templates.category'), t(`templates.categories.${template.category}`, template.category)],
            [t('common:state'), <Status key="status" template={template} />],
            ...(template.reason && template.reason !== 'NONE'
              ? [[t('templates.reason'), template.reason] as [string, string]]
              : []),
          ]}
        />
        {variables.length > 0 && (
          <Stack gap="xs">
            <Text size="sm" fw={550}>
              {t('templates.values')}
            </Text>
            {variables.map((one) => (
              <TextInput
                key={one.key}
                label={label(one.key)}
                value={values[one.key] ?? ''}
                onChange={(event) => setValues({ ...values, [one.key]: event.currentTarget.value })}
              />
            ))}
          </Stack>
        )}
        <div>
          <Text size="sm" fw={550} mb={4}>
            {t('templates.preview')}
          </Text>
          <div className={composer.preview} data-preview>
            {headerFile(template) && <div className={composer.previewFile}>{t('templates.file')}</div>}
            {previewOf(template, values)}
            {template.components
              .flatMap((part) => part.buttons ?? [])
              .map((button) => (
                <div key={button.text} className={composer.previewButton}>
                  {button.text}
                </div>
              ))}
          </div>
        </div>
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t('common:close')}
          </Button>
        </Group>
      </Stack>
    </Drawer>
  );
}
