import { ActionIcon, Alert, Button, Code, CopyButton, Group, Stack, Text } from '@mantine/core';
import {
  IconCheck,
  IconCopy,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlugConnected,
  IconWebhook,
} from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../../api/client';
import { useCan } from '../../app/session';
import { ErrorNotice } from '../../ui/ErrorNotice';
import { notifyDone } from '../../ui/notify';
import { Facts, Section } from '../../ui/Page';
import { State } from '../../ui/State';
import { DateTime } from '../../ui/time';
import { type Account, factText, hookOf, refusalOf, stateOf, tones } from './account';

/** How an account is, what its platform says of it, and what can be done about it at once. */
export function AccountStatus({ account, kind }: { account: Account; kind: Schema['ChannelKind'] | undefined }) {
  const { t } = useTranslation(['channels', 'common']);
  const can = useCan();
  const state = stateOf(account);
  const path = { params: { path: { id: account.id } } };
  const check = useQuick(
    () => body(api.POST('/api/v1/channels/{id}/check', path)),
    // An answer may be that our token is refused: then the state says it.
    (tried) => tried.state === 'ok' && t('tested'),
  );
  const hook = useQuick(
    () => body(api.POST('/api/v1/channels/{id}/hook', path)),
    () => t('hookSet'),
  );
  const toggle = useQuick(() =>
    body(api.PATCH('/api/v1/channels/{id}', { ...path, body: { enabled: !account.enabled } })),
  );
  const failed = check.error ?? hook.error ?? toggle.error;
  const ours = account.channel === 'web';
  const act = (one: { reset: () => void; mutate: () => void }) => {
    for (const other of [check, hook, toggle]) other.reset();
    one.mutate();
  };
  return (
    <Section title={t('common:state')}>
      <Stack gap="sm" data-account-state={state}>
        <div>
          <State tone={tones[state]}>{t(`state.${state}`)}</State>
          <Text size="sm" c="dimmed" mt={2}>
            {t(`stateText.${state}`)}
          </Text>
          {account.state_reason && state !== 'off' && <Text size="sm">{account.state_reason}</Text>}
        </div>
        {can('write', 'channels') && (
          <Group gap="xs">
            <Button
              variant="default"
              leftSection={<IconPlugConnected size={16} />}
              loading={check.isPending}
              onClick={() => act(check)}
            >
              {t('test')}
            </Button>
            {kind?.traits.hook && (
              <Button
                variant="default"
                leftSection={<IconWebhook size={16} />}
                loading={hook.isPending}
                onClick={() => act(hook)}
              >
                {t('setHook')}
              </Button>
            )}
            <Button
              variant="default"
              leftSection={account.enabled ? <IconPlayerPause size={16} /> : <IconPlayerPlay size={16} />}
              loading={toggle.isPending}
              onClick={() => act(toggle)}
            >
              {account.enabled ? t('disable') : t('enable')}
            </Button>
          </Group>
        )}
        {failed && <Failed error={failed} />}
        {!ours && <Hook account={account} />}
        {!ours && <Says account={account} />}
      </Stack>
    </Section>
  );
}

function useQuick<T>(act: () => Promise<T>, done?: (answer: T) => string | false) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSuccess: (answer) => {
      const sentence = done?.(answer);
      if (sentence) notifyDone(sentence);
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ['channels'] }),
  });
}

function Failed({ error }: { error: Error }) {
  const { t } = useTranslation('channels');
  const reason = refusalOf(error);
  if (reason === undefined) return <ErrorNotice error={error} />;
  return (
    <Alert role="alert" variant="light" color="red" p="sm">
      {t('checkFailed', { reason })}
    </Alert>
  );
}

/** What can be copied into another site's form. */
export function Copied({ text, label }: { text: string; label: string }) {
  const { t } = useTranslation();
  return (
    <Group gap="xs" wrap="nowrap" align="start">
      <Code block style={{ flex: 1, overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }} aria-label={label} tabIndex={0}>
        {text}
      </Code>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <ActionIcon
            variant="default"
            size={34}
            aria-label={copied ? t('copied') : `${t('copy')}: ${label}`}
            onClick={copy}
          >
            {copied ? <IconCheck size={17} /> : <IconCopy size={17} />}
          </ActionIcon>
        )}
      </CopyButton>
    </Group>
  );
}

function Hook({ account }: { account: Account }) {
  const { t } = useTranslation('channels');
  return (
    <div>
      <Text size="sm" fw={500} mb={4}>
        {t('hook')}
      </Text>
      <Copied text={hookOf(account, window.location.origin)} label={t('hook')} />
      <Text size="xs" c="dimmed" mt={4}>
        {t(`hookHelp.${account.channel}`, '')} {!account.hook_url && t('hookNoPublic')}
      </Text>
    </div>
  );
}

function Says({ account }: { account: Account }) {
  const { t } = useTranslation('channels');
  const facts = Object.entries(account.detail).filter(([, value]) => value);
  return (
    <div>
      <Text size="sm" fw={500} mb={4}>
        {t('says')}
      </Text>
      {facts.length === 0 ? (
        <Text size="sm" c="dimmed">
          {t('saysNothing')}
        </Text>
      ) : (
        <Facts
          rows={facts.map(([name, value]) => [
            t(`facts.${name}`, name),
            name.endsWith('_at') ? (
              <DateTime key={name} time={value} />
            ) : name === 'quality_rating' ? (
              t(`quality.${value}`, value)
            ) : (
              factText(value)
            ),
          ])}
        />
      )}
    </div>
  );
}
