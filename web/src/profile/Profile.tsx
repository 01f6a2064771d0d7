import { Alert, Button, Checkbox, Group, Skeleton, Stack, Switch, Table, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconCheck } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { ownNotificationsQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { ErrorNotice } from '../ui/ErrorNotice';
import { Page, Section } from '../ui/Page';
import classes from './profile.module.css';
import { usePush } from './usePush';

type Own = Schema['OwnNotifications'];
type Kind = Schema['NotificationRule']['kind'];

const textable: Kind[] = ['offer', 'missed'];

/** What the signed-in person wants to be told, and where. */
export function Profile() {
  const { t } = useTranslation('notifications');
  const { data, error, refetch } = useQuery(ownNotificationsQuery);
  return (
    <Page title={t('own.title')} note={t('own.lead')}>
      {data ? (
        <Stack gap="lg" maw={720}>
          <Section title={t('own.here')}>
            <ThisBrowser own={data} />
          </Section>
          <Section title={t('own.what')}>
            <Rules own={data} />
          </Section>
        </Stack>
      ) : error ? (
        <ErrorNotice error={error} onRetry={refetch} />
      ) : (
        <Skeleton height={320} />
      )}
    </Page>
  );
}

function ThisBrowser({ own }: { own: Own }) {
  const { t } = useTranslation('notifications');
  const push = usePush();
  return (
    <div className={classes.panel}>
      <Group justify="space-between" align="start">
        <Switch
          label={t('own.push')}
          description={push.possible ? t('own.pushHint') : t('own.pushImpossible')}
          checked={push.on}
          disabled={!push.possible || !push.ready || push.busy}
          onChange={(event) => push.change(event.currentTarget.checked)}
        />
        <Test way="push" label={t('own.testPush')} disabled={own.browsers === 0} />
      </Group>
      <Text size="sm" c="dimmed" mt="xs">
        {t('own.browsers', { count: own.browsers })}
      </Text>
    </div>
  );
}

function Rules({ own }: { own: Own }) {
  const { t, i18n } = useTranslation(['notifications', 'common']);
  const form = useForm({ initialValues: { mobile: own.mobile, rules: own.rules } });
  const save = useSave({
    save: (input: Pick<Own, 'mobile' | 'rules'>) =>
      body(
        api.PUT('/api/v1/me/notifications', {
          body: { mobile: input.mobile, rules: input.rules, language: i18n.language === 'zh' ? 'zh' : 'en' },
        }),
      ),
    nouns: ['me-notifications'],
    done: ({ mobile, rules }) => {
      form.setValues({ mobile, rules });
      form.resetDirty({ mobile, rules });
    },
  });
  const tick = (index: number, way: 'push' | 'text') => {
    const { kind } = form.values.rules[index] as Own['rules'][number];
    return (
      <Checkbox
        aria-label={`${t(`own.kinds.${kind}`)}: ${t(`own.ways.${way}`)}`}
        {...form.getInputProps(`rules.${index}.${way}`, { type: 'checkbox' })}
      />
    );
  };
  return (
    <form className={classes.panel} onSubmit={form.onSubmit((input) => save.mutate(input))}>
      <Stack gap="md">
        <Group align="end" wrap="nowrap">
          <TextInput
            label={t('own.mobile')}
            description={own.texting ? t('own.mobileHint') : t('own.noTexting')}
            type="tel"
            autoComplete="tel"
            placeholder="+49 151 23456789"
            style={{ flex: 1 }}
            {...form.getInputProps('mobile')}
          />
          <Test way="text" label={t('own.testText')} disabled={!own.texting || !own.mobile || form.isDirty('mobile')} />
        </Group>
        <Table withRowBorders={false} verticalSpacing={6}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th scope="col">{t('own.tellMe')}</Table.Th>
              <Table.Th scope="col" w={150}>
                {t('own.ways.push')}
              </Table.Th>
              <Table.Th scope="col" w={150}>
                {t('own.ways.text')}
              </Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {form.values.rules.map(({ kind }, index) => (
              <Table.Tr key={kind}>
                <Table.Th scope="row" fw={400}>
                  {t(`own.kinds.${kind}`)}
                </Table.Th>
                <Table.Td>{tick(index, 'push')}</Table.Td>
                <Table.Td>{textable.includes(kind) ? tick(index, 'text') : null}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
        <Text size="sm" c="dimmed">
          {t('own.textNote')}
        </Text>
        {save.error && <ErrorNotice error={save.error} />}
        <Group justify="flex-end">
          <Button type="submit" loading={save.isPending}>
            {t('common:save')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Test({ way, label, disabled }: { way: 'push' | 'text'; label: string; disabled: boolean }) {
  const { t } = useTranslation('notifications');
  const test = useMutation({ mutationFn: () => api.POST('/api/v1/me/notifications/test', { body: { way } }) });
  return (
    <Stack gap={6} align="end">
      <Button variant="default" disabled={disabled} loading={test.isPending} onClick={() => test.mutate()}>
        {label}
      </Button>
      {test.isSuccess && (
        <Alert role="status" variant="light" color="green" icon={<IconCheck size={16} />} p={6}>
          <span style={{ color: 'var(--t-good)' }}>{t('own.sent')}</span>
        </Alert>
      )}
      {test.error && <ErrorNotice error={test.error} />}
    </Stack>
  );
}
