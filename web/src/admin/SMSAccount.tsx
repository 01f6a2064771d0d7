import { Button, Group, PasswordInput, Skeleton, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { smsQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { useCan } from '../app/session';
import { ErrorNotice } from '../ui/ErrorNotice';
import classes from './admin.module.css';

/** The account by which text messages to agents are sent. */
export function SMSAccount() {
  const { data, error, refetch } = useQuery(smsQuery);
  return (
    <div className={classes.panel} style={{ maxWidth: 560 }}>
      {data ? (
        <Form key={data.account} account={data} />
      ) : error ? (
        <ErrorNotice error={error} onRetry={refetch} />
      ) : (
        <Skeleton height={220} />
      )}
    </div>
  );
}

function Form({ account }: { account: Schema['StoredSMSAccount'] }) {
  const { t } = useTranslation(['notifications', 'common']);
  const can = useCan();
  const form = useForm<Required<Omit<Schema['SMSAccount'], '$schema'>>>({
    initialValues: { account: account.account, sender: account.sender, token: '' },
  });
  const save = useSave({
    save: ({ account, sender, token }: Schema['SMSAccount']) =>
      body(api.PUT('/api/v1/sms-account', { body: { account, sender, ...(token ? { token } : {}) } })),
    nouns: ['sms-account', 'me-notifications'],
    done: () => form.setFieldValue('token', ''),
  });
  const readOnly = !can('write', 'sms-account');
  return (
    <form onSubmit={form.onSubmit((input) => save.mutate(input))}>
      <Stack gap="md">
        <TextInput
          label={t('sms.account')}
          description={t('sms.accountHint')}
          placeholder="AC…"
          autoComplete="off"
          disabled={readOnly}
          {...form.getInputProps('account')}
        />
        <TextInput
          label={t('sms.sender')}
          description={t('sms.senderHint')}
          placeholder="+49…"
          autoComplete="off"
          disabled={readOnly}
          {...form.getInputProps('sender')}
        />
        <PasswordInput
          label={t('sms.token')}
          description={account.token_stored ? t('sms.tokenKeep') : undefined}
          autoComplete="new-password"
          disabled={readOnly}
          {...form.getInputProps('token')}
        />
        {save.error && <ErrorNotice error={save.error} />}
        {!readOnly && (
          <Group justify="flex-end">
            <Button type="submit" loading={save.isPending}>
              {t('common:save')}
            </Button>
          </Group>
        )}
      </Stack>
    </form>
  );
}
