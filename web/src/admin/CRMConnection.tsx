import { Alert, Button, Group, PasswordInput, Radio, Skeleton, Stack, TagsInput, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconCheck, IconPlugConnected, IconX } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { crmQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { useCan } from '../app/session';
import { ErrorNotice } from '../ui/ErrorNotice';
import { Page } from '../ui/Page';
import classes from './admin.module.css';

type Input = Schema['ConnectionInput'];

const providers: Array<Input['provider']> = ['own', 'rt'];

export function CRMConnection() {
  const { t } = useTranslation('admin');
  const { data, error, refetch } = useQuery(crmQuery);
  return (
    <Page title={t('parts.crm')} note={t('crm.lead')}>
      <div className={classes.panel} style={{ maxWidth: 560 }}>
        {data ? (
          <Form connection={data} />
        ) : error ? (
          <ErrorNotice error={error} onRetry={refetch} />
        ) : (
          <Skeleton height={260} />
        )}
      </div>
    </Page>
  );
}

function Form({ connection }: { connection: Schema['CRMConnection'] }) {
  const { t } = useTranslation(['admin', 'common']);
  const can = useCan();
  const form = useForm<Required<Input>>({
    initialValues: {
      provider: connection.provider,
      base_url: connection.base_url,
      queue: connection.queue,
      user: '',
      password: '',
      token: '',
      data_records: connection.data_records,
    },
  });
  // Secrets go out only when they are typed: empty ones leave what is stored.
  const inputOf = ({ provider, base_url, queue, user, password, token, data_records }: Required<Input>): Input =>
    provider === 'own'
      ? { provider, data_records }
      : {
          provider,
          base_url,
          queue,
          data_records,
          ...(user ? { user } : {}),
          ...(password ? { password } : {}),
          ...(token ? { token } : {}),
        };
  const save = useSave({
    save: (input: Required<Input>) => body(api.PUT('/api/v1/crm-connection', { body: inputOf(input) })),
    nouns: ['crm-connection'],
  });
  const test = useMutation({
    mutationFn: () => body(api.POST('/api/v1/crm-connection/test', { body: inputOf(form.values) })),
  });
  const readOnly = !can('write', 'crm-connection');
  return (
    <form onSubmit={form.onSubmit((input) => save.mutate(input))}>
      <Stack gap="md">
        <Radio.Group label={t('crm.provider')} {...form.getInputProps('provider')}>
          <Stack gap="sm" mt={8}>
            {providers.map((value) => (
              <Radio
                key={value}
                value={value}
                disabled={readOnly}
                label={t(`crm.providers.${value}`)}
                description={t(`crm.providerHints.${value}`)}
              />
            ))}
          </Stack>
        </Radio.Group>
        {form.values.provider === 'rt' && (
          <>
            <TextInput
              label={t('crm.url')}
              type="url"
              required
              disabled={readOnly}
              placeholder="https://rt.example.com"
              {...form.getInputProps('base_url')}
            />
            <TextInput
              label={t('crm.queue')}
              disabled={readOnly}
              placeholder="General"
              {...form.getInputProps('queue')}
            />
            <PasswordInput
              label={t('crm.token')}
              description={connection.credentials_stored ? t('crm.tokenKeep') : t('crm.tokenHint')}
              disabled={readOnly}
              autoComplete="new-password"
              {...form.getInputProps('token')}
            />
            <Group grow align="start">
              <TextInput
                label={t('crm.username')}
                disabled={readOnly}
                autoComplete="off"
                {...form.getInputProps('user')}
              />
              <PasswordInput
                label={t('crm.password')}
                disabled={readOnly}
                autoComplete="new-password"
                {...form.getInputProps('password')}
              />
            </Group>
          </>
        )}
        <TagsInput
          label={t('crm.dataRecords')}
          description={t('crm.dataRecordsHint')}
          data={['reserved_verified_customer', 'reserved_bad_actor', 'reserved_repeat_customer', '*']}
          disabled={readOnly}
          {...form.getInputProps('data_records')}
        />
        <TestResult result={test.data} error={test.error} />
        {save.error && <ErrorNotice error={save.error} />}
        {!readOnly && (
          <Group justify="space-between">
            <Button
              variant="default"
              leftSection={<IconPlugConnected size={16} />}
              loading={test.isPending}
              onClick={() => test.mutate()}
            >
              {t('crm.test')}
            </Button>
            <Button type="submit" loading={save.isPending}>
              {t('common:save')}
            </Button>
          </Group>
        )}
      </Stack>
    </form>
  );
}

function TestResult({ result, error }: { result: Schema['ConnectionTest'] | undefined; error: unknown }) {
  const { t } = useTranslation('admin');
  if (error) return <ErrorNotice error={error} />;
  if (!result) return null;
  return (
    <Alert
      role="status"
      variant="light"
      color={result.ok ? 'green' : 'red'}
      icon={result.ok ? <IconCheck size={18} /> : <IconX size={18} />}
      p="sm"
    >
      <span style={{ color: result.ok ? 'var(--t-good)' : 'var(--t-bad)' }}>
        <strong>{result.ok ? t('crm.ok') : t('crm.failed')}</strong> {result.detail} (
        {t('crm.millis', { millis: result.millis })})
      </span>
    </Alert>
  );
}
