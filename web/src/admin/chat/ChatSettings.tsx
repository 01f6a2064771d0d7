import { Button, Group, MultiSelect, NumberInput, Skeleton, Stack, Switch } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../../api/client';
import { channelsQuery, chatSettingsQuery } from '../../api/queries';
import { useSave } from '../../api/useSave';
import { useCan } from '../../app/session';
import { ErrorNotice } from '../../ui/ErrorNotice';
import { Page, Section } from '../../ui/Page';
import classes from '../admin.module.css';

type Settings = Schema['ChatSettings'];

/** What holds for all conversations of the tenant. */
export function ChatSettings() {
  const { t } = useTranslation('admin');
  const { data, error, refetch } = useQuery(chatSettingsQuery);
  return (
    <Page title={t('parts.chat-settings')}>
      {data ? (
        <Form settings={data} />
      ) : error ? (
        <ErrorNotice error={error} onRetry={refetch} />
      ) : (
        <Skeleton height={640} maw={680} />
      )}
    </Page>
  );
}

function Form({ settings }: { settings: Settings }) {
  const { t } = useTranslation(['channels', 'common']);
  const can = useCan();
  const form = useForm<Settings>({ initialValues: settings });
  const accounts = useQuery(channelsQuery);
  const save = useSave({
    save: (input: Settings) => body(api.PUT('/api/v1/chat-settings', { body: input })),
    nouns: ['chat-settings'],
    done: () => form.resetDirty(),
  });
  const readOnly = !can('write', 'channels');
  const meta = accounts.data?.filter((a) => a.channel === 'messenger' || a.channel === 'instagram') ?? [];
  const minutes = {
    min: 0,
    max: 86_400,
    allowDecimal: false,
    suffix: ` ${t('settings.minutes')}`,
    disabled: readOnly,
    thousandSeparator: ',',
  };
  const percent = { min: 0, max: 100, decimalScale: 2, suffix: ' %', disabled: readOnly };
  return (
    <form onSubmit={form.onSubmit((input) => save.mutate(input))} style={{ maxWidth: 680 }}>
      <Stack gap="lg">
        <Section title={t('settings.timeouts')}>
          <Stack gap="md" className={classes.panel}>
            <NumberInput
              label={t('settings.agentSilent')}
              description={t('settings.agentSilentHelp')}
              {...minutes}
              styles={wideText}
              {...form.getInputProps('agent_silent_minutes')}
            />
            <NumberInput
              label={t('settings.customerSilent')}
              description={t('settings.customerSilentHelp')}
              {...minutes}
              styles={wideText}
              {...form.getInputProps('customer_silent_minutes')}
            />
            <NumberInput
              label={t('settings.neverWrote')}
              description={t('settings.neverWroteHelp')}
              {...minutes}
              styles={wideText}
              {...form.getInputProps('never_wrote_minutes')}
            />
          </Stack>
        </Section>
        <Section title={t('settings.conversations')}>
          <Stack gap="md" className={classes.panel}>
            <NumberInput
              label={t('settings.reopen')}
              description={t('settings.reopenHelp')}
              {...minutes}
              max={3650}
              suffix={` ${t('settings.days')}`}
              styles={wideText}
              {...form.getInputProps('reopen_days')}
            />
            <Switch
              label={t('settings.automatic')}
              description={t('settings.automaticHelp')}
              disabled={readOnly}
              {...form.getInputProps('automatic', { type: 'checkbox' })}
            />
            <Switch
              label={t('settings.keepUnsent')}
              description={t('settings.keepUnsentHelp')}
              disabled={readOnly}
              {...form.getInputProps('keep_unsent', { type: 'checkbox' })}
            />
          </Stack>
        </Section>
        <Section title={t('settings.accounts')}>
          <Stack gap="md" className={classes.panel}>
            <Switch
              label={t('settings.severalWechat')}
              description={t('settings.severalWechatHelp')}
              disabled={readOnly}
              {...form.getInputProps('several_wechat', { type: 'checkbox' })}
            />
            <MultiSelect
              label={t('settings.humanAgent')}
              description={t('settings.humanAgentHelp')}
              placeholder={accounts.data && meta.length === 0 ? t('settings.noAccounts') : ''}
              disabled={readOnly || (accounts.data !== undefined && meta.length === 0)}
              data={meta.map((a) => ({ value: a.id, label: `${a.label} · ${t(`inbox:channels.${a.channel}`)}` }))}
              {...form.getInputProps('human_agent_accounts')}
            />
          </Stack>
        </Section>
        <Section title={t('settings.complaints')}>
          <Stack gap="md" className={classes.panel}>
            <NumberInput
              label={t('settings.warn')}
              description={t('settings.warnHelp')}
              {...percent}
              styles={wideText}
              {...form.getInputProps('complaint_warn_percent')}
            />
            <NumberInput
              label={t('settings.pause')}
              description={t('settings.pauseHelp')}
              {...percent}
              styles={wideText}
              {...form.getInputProps('complaint_pause_percent')}
            />
          </Stack>
        </Section>
        {save.error && <ErrorNotice error={save.error} />}
        {!readOnly && (
          <Group justify="flex-end">
            <Button type="submit" loading={save.isPending} disabled={!form.isDirty()}>
              {t('common:save')}
            </Button>
          </Group>
        )}
      </Stack>
    </form>
  );
}

// The number is short, the words above it are not.
const wideText = { wrapper: { width: 200 } };
