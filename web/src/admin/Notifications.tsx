import { ActionIcon, Button, FileButton, FileInput, Group, Skeleton, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconPlayerPlay, IconPlayerStop, IconUpload } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema, upload } from '../api/client';
import { globalQuery, ringtonesQuery } from '../api/queries';
import { useAct, useSave } from '../api/useSave';
import { useCan } from '../app/session';
import { toneNames } from '../phone/tones';
import { useTonePlayer } from '../phone/useTonePlayer';
import { useConfirm } from '../ui/confirm';
import { type Column, DataTable } from '../ui/DataTable';
import { ErrorNotice } from '../ui/ErrorNotice';
import { FormModal } from '../ui/FormModal';
import { clock } from '../ui/format';
import { Page, Section } from '../ui/Page';
import { Tag } from '../ui/State';
import classes from './admin.module.css';
import { SaveBar } from './queues/SaveBar';
import { SettingRow } from './queues/SettingRow';
import { type Draft, defaults, noDraft } from './queues/settings';
import { SMSAccount } from './SMSAccount';

interface Row {
  id: string;
  name: string;
  upload: Schema['Ringtone'] | null;
}

/** How agents are told: the tones there are, what all queues inherit, and the account of text messages. */
export function Notifications() {
  const { t } = useTranslation(['notifications', 'admin']);
  const can = useCan();
  const [adding, setAdding] = useState(false);
  return (
    <Page title={t('admin:parts.notifications')} note={t('lead')}>
      <Stack gap="lg">
        <Section
          title={t('tonesTitle')}
          actions={
            can('write', 'prompts') && (
              <Button size="compact-sm" leftSection={<IconUpload size={15} />} onClick={() => setAdding(true)}>
                {t('add')}
              </Button>
            )
          }
        >
          <Tones />
        </Section>
        {can('read', 'queues') && (
          <Section title={t('defaults')}>
            <Defaults />
          </Section>
        )}
        {can('read', 'sms-account') && (
          <Section title={t('sms.title')}>
            <SMSAccount />
          </Section>
        )}
      </Stack>
      {adding && <AddTone onClose={() => setAdding(false)} />}
    </Page>
  );
}

function Tones() {
  const { t } = useTranslation(['notifications', 'common']);
  const can = useCan();
  const uploaded = useQuery(ringtonesQuery);
  const { playing, toggle } = useTonePlayer();
  const mayWrite = can('write', 'prompts');
  const mayDelete = can('delete', 'prompts');
  const rows = useMemo((): Row[] | undefined => {
    const builtin = toneNames.map((id) => ({ id, name: t(`tones.${id}`), upload: null }));
    return uploaded.data && [...builtin, ...uploaded.data.map((u) => ({ id: u.id, name: u.name, upload: u }))];
  }, [uploaded.data, t]);
  const columns = useMemo(
    (): Column<Row>[] => [
      {
        id: 'play',
        header: t('listen'),
        actions: true,
        width: 56,
        cell: (r) => (
          <ActionIcon
            variant="light"
            radius="xl"
            aria-label={`${playing === r.id ? t('stop') : t('listen')}: ${r.name}`}
            onClick={() => toggle(r.id)}
          >
            {playing === r.id ? <IconPlayerStop size={16} /> : <IconPlayerPlay size={16} />}
          </ActionIcon>
        ),
      },
      {
        id: 'name',
        header: t('common:name'),
        cell: (r) => <strong style={{ fontWeight: 550 }}>{r.name}</strong>,
      },
      {
        id: 'kind',
        header: t('kind'),
        width: 120,
        cell: (r) => <Tag tone={r.upload ? 'info' : 'quiet'}>{t(r.upload ? 'kinds.upload' : 'kinds.builtin')}</Tag>,
      },
      {
        id: 'length',
        header: t('length'),
        width: 90,
        align: 'right',
        cell: (r) => <span className="tnum">{r.upload ? clock(r.upload.seconds) : '–'}</span>,
      },
      {
        id: 'actions',
        header: t('common:actions'),
        actions: true,
        width: 190,
        align: 'right',
        cell: (r) =>
          r.upload && (
            <Group gap={4} justify="flex-end" wrap="nowrap">
              {mayWrite && <ReplaceTone tone={r.upload} />}
              {mayDelete && <DeleteTone tone={r.upload} />}
            </Group>
          ),
      },
    ],
    [t, playing, toggle, mayWrite, mayDelete],
  );
  return (
    <DataTable
      label={t('tonesTitle')}
      rows={rows}
      loading={uploaded.isPending}
      error={uploaded.error}
      onRetry={uploaded.refetch}
      columns={columns}
      rowKey={(r) => r.id}
      empty={t('none')}
    />
  );
}

const mp3 = 'audio/mpeg,.mp3';

function AddTone({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation(['notifications', 'common']);
  const form = useForm<{ name: string; file: File | null }>({ initialValues: { name: '', file: null } });
  const save = useSave({
    save: ({ name, file }: { name: string; file: File | null }) => {
      const data = new FormData();
      data.set('name', name);
      if (file) data.set('file', file);
      return upload<Schema['Ringtone']>('/api/v1/ringtones', data);
    },
    nouns: ['ringtones'],
    done: onClose,
  });
  const choose = (file: File | null) => {
    form.setFieldValue('file', file);
    if (file && !form.values.name) form.setFieldValue('name', file.name.replace(/\.\w+$/, '').slice(0, 100));
  };
  return (
    <FormModal
      opened
      title={t('add')}
      onClose={onClose}
      onSubmit={form.onSubmit((input) => save.mutate(input))}
      saving={save.isPending}
      error={save.error}
    >
      <FileInput
        label={t('file')}
        description={t('fileHint')}
        placeholder={t('choose')}
        accept={mp3}
        required
        value={form.values.file}
        onChange={choose}
      />
      <TextInput label={t('common:name')} required maxLength={100} {...form.getInputProps('name')} />
    </FormModal>
  );
}

function ReplaceTone({ tone }: { tone: Schema['Ringtone'] }) {
  const { t } = useTranslation('notifications');
  const replace = useAct({
    act: (file: File) => upload(`/api/v1/ringtones/${tone.id}/audio`, file, 'PUT'),
    nouns: ['ringtones'],
  });
  return (
    <FileButton accept={mp3} onChange={(file) => file && replace.mutate(file)}>
      {(props) => (
        <Button
          {...props}
          variant="subtle"
          size="compact-sm"
          aria-label={`${t('replace')}: ${tone.name}`}
          loading={replace.isPending}
        >
          {t('replace')}
        </Button>
      )}
    </FileButton>
  );
}

function DeleteTone({ tone }: { tone: Schema['Ringtone'] }) {
  const { t } = useTranslation(['notifications', 'common', 'admin']);
  const confirm = useConfirm();
  const remove = useAct({
    act: () => api.DELETE('/api/v1/ringtones/{id}', { params: { path: { id: tone.id } } }),
    nouns: ['ringtones'],
  });
  return (
    <Button
      variant="subtle"
      color="red"
      size="compact-sm"
      aria-label={`${t('common:delete')}: ${tone.name}`}
      loading={remove.isPending}
      onClick={() =>
        confirm({
          title: t('admin:deleteTitle', { name: tone.name }),
          text: t('deleteText'),
          action: t('common:delete'),
          onConfirm: () => remove.mutate(),
        })
      }
    >
      {t('common:delete')}
    </Button>
  );
}

/** What all queues inherit; a queue's own page has the same row. */
function Defaults() {
  const { t } = useTranslation('notifications');
  const can = useCan();
  const { data: own, error, refetch } = useQuery(globalQuery);
  const [draft, setDraft] = useState<Draft>(noDraft);
  const save = useSave({
    save: () => body(api.PATCH('/api/v1/queue-settings', { body: draft })),
    nouns: ['queues'],
    done: () => setDraft(noDraft),
  });
  if (error && !own) return <ErrorNotice error={error} onRetry={refetch} />;
  if (!own) return <Skeleton height={220} />;
  return (
    <div className={classes.panel}>
      <Text size="sm" c="dimmed" mb="xs">
        {t('defaultsNote')}
      </Text>
      <SettingRow
        name="notification"
        value={own.notification ?? defaults.notification}
        origin={own.notification === undefined ? 'default' : 'own'}
        draft={draft}
        onDraft={setDraft}
        readOnly={!can('write', 'queues')}
      />
      <SaveBar
        draft={draft}
        onDiscard={() => setDraft(noDraft)}
        onSave={() => save.mutate()}
        saving={save.isPending}
        error={save.error}
      />
    </div>
  );
}
