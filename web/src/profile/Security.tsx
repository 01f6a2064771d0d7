import { Button, Group, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, isProblem } from '../api/client';
import { useSave } from '../api/useSave';
import { type Me, meQuery } from '../app/session';
import { EnrolTOTP } from '../login/EnrolTOTP';
import { ErrorNotice } from '../ui/ErrorNotice';
import { notifyDone } from '../ui/notify';
import { Page, Section } from '../ui/Page';
import { State } from '../ui/State';
import classes from './profile.module.css';

/** How the signed-in person signs in: their password, and the second step. */
export function Security() {
  const { t } = useTranslation('login');
  const { data: me } = useQuery(meQuery);
  return (
    <Page title={t('security.title')} note={t('security.lead')}>
      <Stack gap="lg" maw={560}>
        <Section title={t('password')}>
          <OwnPassword />
        </Section>
        <Section title={t('security.secondStep')}>
          <div className={classes.panel}>{me && (me.totp ? <SwitchOff /> : <SetUp />)}</div>
        </Section>
      </Stack>
    </Page>
  );
}

function OwnPassword() {
  const { t } = useTranslation(['login', 'common']);
  const form = useForm({
    initialValues: { old: '', password: '', again: '' },
    validate: {
      old: (old) => (old ? null : t('security.oldMissing')),
      password: (password) => (password ? null : t('security.newMissing')),
      again: (again, { password }) => (again === password ? null : t('security.notTheSame')),
    },
  });
  const save = useSave({
    save: ({ old, password }: typeof form.values) => api.POST('/api/v1/me/password', { body: { old, password } }),
    nouns: [],
    done: () => form.reset(),
  });
  const wrong = isProblem(save.error, 'password_wrong');
  return (
    <form
      className={classes.panel}
      aria-label={t('password')}
      onSubmit={form.onSubmit((values) => save.mutate(values))}
      noValidate
    >
      <Stack gap="md">
        <PasswordInput
          label={t('security.old')}
          autoComplete="current-password"
          {...form.getInputProps('old')}
          error={form.errors.old ?? (wrong && save.errorText)}
        />
        <PasswordInput
          label={t('security.new')}
          description={t('security.newHint')}
          autoComplete="new-password"
          {...form.getInputProps('password')}
        />
        <PasswordInput label={t('security.again')} autoComplete="new-password" {...form.getInputProps('again')} />
        {save.error && !wrong && <ErrorNotice error={save.error} />}
        <Group justify="end">
          <Button type="submit" loading={save.isPending}>
            {t('common:save')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function SetUp() {
  const { t } = useTranslation('login');
  const queries = useQueryClient();
  const [begun, setBegun] = useState(false);
  if (begun) return <EnrolTOTP onDone={(me: Me) => queries.setQueryData(meQuery.queryKey, me)} />;
  return (
    <Group justify="space-between" wrap="nowrap">
      <Text size="sm">{t('security.off')}</Text>
      <Button data-action="enrol" style={{ flexShrink: 0 }} onClick={() => setBegun(true)}>
        {t('security.setUp')}
      </Button>
    </Group>
  );
}

function SwitchOff() {
  const { t } = useTranslation('login');
  const [code, setCode] = useState('');
  const remove = useSave({
    save: () => api.POST('/api/v1/me/totp/remove', { body: { code: code.trim() } }),
    nouns: ['me'],
    quiet: true,
    done: () => notifyDone(t('security.isOff')),
  });
  return (
    <form
      aria-label={t('security.secondStep')}
      onSubmit={(event) => {
        event.preventDefault();
        remove.mutate(undefined);
      }}
    >
      <Stack gap="md">
        <State tone="good">{t('security.on')}</State>
        <TextInput
          label={t('code')}
          description={t('security.offHint')}
          name="code"
          autoComplete="one-time-code"
          required
          value={code}
          onChange={(event) => setCode(event.currentTarget.value)}
        />
        {remove.error && <ErrorNotice error={remove.error} />}
        <Group justify="end">
          <Button type="submit" variant="default" loading={remove.isPending} disabled={!code.trim()}>
            {t('security.switchOff')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
