import { Alert, Button, Group, NumberInput, PasswordInput, Textarea, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconCheck, IconPlugConnected, IconX } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { botsQuery } from '../api/queries';
import { useCan } from '../app/session';
import type { Column } from '../ui/DataTable';
import { ErrorNotice } from '../ui/ErrorNotice';
import { Tag } from '../ui/State';
import { parametersOf, textOf } from './botParameters';
import { EditDrawer } from './EditDrawer';
import { ListPage } from './ListPage';

type Bot = Schema['Bot'];

interface Values {
  name: string;
  url: string;
  token: string;
  parameters: string;
  connect_seconds: number;
  silence_seconds: number;
}

export function Bots() {
  const { t } = useTranslation(['admin', 'common']);
  const columns = useMemo(
    (): Column<Bot>[] => [
      {
        id: 'name',
        header: t('common:name'),
        sort: (x) => x.name,
        cell: (x) => <strong style={{ fontWeight: 550 }}>{x.name}</strong>,
      },
      { id: 'url', header: t('bots.url'), cell: (x) => x.url },
      {
        id: 'signed',
        header: t('bots.signed'),
        width: 140,
        cell: (x) => (x.has_token ? <Tag tone="info">{t('bots.signed')}</Tag> : <span className="quiet">–</span>),
      },
      {
        id: 'connect',
        header: t('bots.connect'),
        width: 150,
        align: 'right',
        cell: (x) => (
          <span className="tnum">
            {x.connect_seconds} {t('settings.seconds')}
          </span>
        ),
      },
      {
        id: 'silence',
        header: t('bots.silence'),
        width: 150,
        align: 'right',
        cell: (x) => (
          <span className="tnum">{x.silence_seconds ? `${x.silence_seconds} ${t('settings.seconds')}` : '∞'}</span>
        ),
      },
    ],
    [t],
  );
  return (
    <ListPage
      title={t('parts.bots')}
      noun="bots"
      add={t('bots.add')}
      query={useQuery(botsQuery)}
      columns={columns}
      rowKey={(x) => x.id}
      sortBy={{ id: 'name', desc: false }}
      empty={t('bots.empty')}
      emptyText={t('bots.emptyText')}
      form={(bot, onClose) => <BotForm bot={bot} onClose={onClose} />}
    />
  );
}

function BotForm({ bot, onClose }: { bot: Bot | null; onClose: () => void }) {
  const { t } = useTranslation(['admin', 'common']);
  const can = useCan();
  const form = useForm<Values>({
    initialValues: {
      name: bot?.name ?? '',
      url: bot?.url ?? '',
      token: '',
      parameters: textOf(bot?.parameters ?? {}),
      connect_seconds: bot?.connect_seconds ?? 5,
      silence_seconds: bot?.silence_seconds ?? 60,
    },
    validate: { parameters: (text) => (parametersOf(text) ? null : t('bots.parametersBad')) },
  });
  // A token goes out only when one is typed: an empty field leaves what is stored.
  const inputOf = (values: Values) => ({
    name: values.name,
    url: values.url,
    parameters: parametersOf(values.parameters) ?? {},
    connect_seconds: values.connect_seconds,
    silence_seconds: values.silence_seconds,
    ...(values.token ? { token: values.token } : {}),
  });
  const test = useMutation({
    mutationFn: () => {
      const { name, ...change } = inputOf(form.values);
      return body(
        api.POST('/api/v1/bots/test', {
          body: { ...(bot ? { bot_id: bot.id } : {}), change: { ...change, ...(name ? { name } : {}) } },
        }),
      );
    },
  });
  const readOnly = !can('write', 'bots');
  return (
    <EditDrawer
      thing={bot}
      add={t('bots.add')}
      edit={t('bots.edit')}
      noun="bots"
      nouns={['bots']}
      form={form}
      save={(values: Values) =>
        bot
          ? body(api.PATCH('/api/v1/bots/{id}', { params: { path: { id: bot.id } }, body: inputOf(values) }))
          : body(api.POST('/api/v1/bots', { body: inputOf(values) }))
      }
      remove={(id) => api.DELETE('/api/v1/bots/{id}', { params: { path: { id } } })}
      onClose={onClose}
    >
      <TextInput label={t('common:name')} required data-autofocus disabled={readOnly} {...form.getInputProps('name')} />
      <TextInput
        label={t('bots.url')}
        description={t('bots.urlHint')}
        required
        disabled={readOnly}
        placeholder="wss://bot.example.com/stream"
        {...form.getInputProps('url')}
      />
      <PasswordInput
        label={t('bots.token')}
        description={bot?.has_token ? t('bots.tokenKeep') : t('bots.tokenHint')}
        disabled={readOnly}
        autoComplete="new-password"
        {...form.getInputProps('token')}
      />
      <Textarea
        label={t('bots.parameters')}
        description={t('bots.parametersHint')}
        placeholder="tone=friendly"
        autosize
        minRows={2}
        disabled={readOnly}
        {...form.getInputProps('parameters')}
      />
      <Group grow align="start">
        <NumberInput
          label={t('bots.connect')}
          description={t('bots.connectHint')}
          min={1}
          max={30}
          allowDecimal={false}
          suffix={` ${t('settings.seconds')}`}
          disabled={readOnly}
          {...form.getInputProps('connect_seconds')}
        />
        <NumberInput
          label={t('bots.silence')}
          description={t('bots.silenceHint')}
          min={0}
          max={3600}
          allowDecimal={false}
          suffix={` ${t('settings.seconds')}`}
          disabled={readOnly}
          {...form.getInputProps('silence_seconds')}
        />
      </Group>
      {!readOnly && (
        <Button
          variant="default"
          style={{ alignSelf: 'start' }}
          leftSection={<IconPlugConnected size={16} />}
          loading={test.isPending}
          disabled={!form.values.url}
          onClick={() => test.mutate()}
        >
          {t('bots.test')}
        </Button>
      )}
      <TrialResult trial={test.data} error={test.error} />
    </EditDrawer>
  );
}

function TrialResult({ trial, error }: { trial: Schema['Trial'] | undefined; error: unknown }) {
  const { t } = useTranslation('admin');
  if (error) return <ErrorNotice error={error} />;
  if (!trial) return null;
  return (
    <Alert
      role="status"
      variant="light"
      color={trial.ok ? 'green' : 'red'}
      icon={trial.ok ? <IconCheck size={18} /> : <IconX size={18} />}
      p="sm"
    >
      <strong style={{ color: trial.ok ? 'var(--t-good)' : 'var(--t-bad)' }}>
        {trial.ok ? t('bots.testOk') : t('bots.testFailed')}
      </strong>
      <ul style={{ margin: '6px 0 0', paddingInlineStart: 18 }}>
        {trial.events.map((e) => (
          <li key={`${e.kind} ${e.at_ms} ${e.detail ?? ''}`}>
            <span className="tnum">{t('crm.millis', { millis: e.at_ms })}</span> {t(`bots.trial.${e.kind}`)}
            {e.detail ? `: ${e.detail}` : ''}
          </li>
        ))}
      </ul>
    </Alert>
  );
}
