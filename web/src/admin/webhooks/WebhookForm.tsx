import { Alert, Button, Checkbox, Group, Stack, Switch, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconKey, IconSend } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../../api/client';
import { webhookTypesQuery } from '../../api/queries';
import { useAct } from '../../api/useSave';
import { useCan } from '../../app/session';
import { useConfirm } from '../../ui/confirm';
import { notifyDone } from '../../ui/notify';
import { DateTime } from '../../ui/time';
import { Made } from '../APIKeys';
import { EditDrawer } from '../EditDrawer';
import { DeliveryLog } from './DeliveryLog';

type Webhook = Schema['Webhook'];

interface Values {
  url: string;
  description: string;
  events: string[];
  personal_data: boolean;
  enabled: boolean;
}

/** An endpoint: where, what, and how it does. */
export function WebhookForm(props: { webhook: Webhook | null; onMade: (secret: string) => void; onClose: () => void }) {
  const { webhook, onClose } = props;
  const { t } = useTranslation(['webhooks', 'common']);
  const readOnly = !useCan()('write', 'webhooks');
  const form = useForm<Values>({
    initialValues: {
      url: webhook?.url ?? '',
      description: webhook?.description ?? '',
      events: webhook?.events ?? [],
      personal_data: webhook?.personal_data ?? false,
      enabled: webhook?.enabled ?? true,
    },
  });
  const save = async ({ enabled, ...values }: Values) => {
    if (webhook) {
      const path = { id: webhook.id };
      return body(api.PATCH('/api/v1/webhooks/{id}', { params: { path }, body: { ...values, enabled } }));
    }
    const made = await body(api.POST('/api/v1/webhooks', { body: values }));
    props.onMade(made.secret ?? '');
    return made;
  };
  return (
    <EditDrawer
      wide
      thing={webhook && { id: webhook.id, name: webhook.url }}
      add={t('add')}
      edit={t('edit')}
      noun="webhooks"
      nouns={['webhooks']}
      form={form}
      save={save}
      remove={(id) => api.DELETE('/api/v1/webhooks/{id}', { params: { path: { id } } })}
      onClose={onClose}
    >
      {webhook && <Trouble webhook={webhook} />}
      <TextInput
        label={t('url')}
        description={t('urlHint')}
        type="url"
        required
        data-autofocus
        disabled={readOnly}
        placeholder="https://example.com/hook"
        {...form.getInputProps('url')}
      />
      <TextInput label={t('description')} maxLength={200} disabled={readOnly} {...form.getInputProps('description')} />
      <EventChoice
        chosen={form.values.events}
        disabled={readOnly}
        onChange={(events) => form.setFieldValue('events', events)}
      />
      <Switch
        label={t('personal')}
        description={t('personalHint')}
        disabled={readOnly}
        {...form.getInputProps('personal_data', { type: 'checkbox' })}
      />
      {webhook && (
        <Switch
          label={t('enabled')}
          description={t('enabledHint')}
          disabled={readOnly}
          {...form.getInputProps('enabled', { type: 'checkbox' })}
        />
      )}
      {webhook && !readOnly && <Actions webhook={webhook} />}
      {webhook && <DeliveryLog webhook={webhook} />}
    </EditDrawer>
  );
}

function Trouble({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation('webhooks');
  if (webhook.disabled_why)
    return (
      <Alert role="status" variant="light" color="red">
        {t(`disabled.${webhook.disabled_why}`)}
      </Alert>
    );
  if (webhook.failing_since)
    return (
      <Alert role="status" variant="light" color="yellow">
        {t('failingSince')} <DateTime time={webhook.failing_since} />
      </Alert>
    );
  return null;
}

/** The types of events by their nouns, each group with a box for all of it. */
function EventChoice(props: { chosen: string[]; disabled: boolean; onChange: (types: string[]) => void }) {
  const { t } = useTranslation('webhooks');
  const types = useQuery(webhookTypesQuery);
  const all = types.data ?? [];
  const groupOf = (type: string) => type.split('.')[0] ?? '';
  const groups = [...new Set(all.map(groupOf))];
  const toggle = (some: string[], on: boolean) =>
    props.onChange(on ? [...new Set([...props.chosen, ...some])] : props.chosen.filter((type) => !some.includes(type)));
  return (
    <Stack gap="sm" role="group" aria-label={t('events')}>
      <strong style={{ fontWeight: 550, fontSize: 14 }}>{t('events')}</strong>
      {groups.map((group) => {
        const some = all.filter((type) => groupOf(type) === group);
        const on = some.filter((type) => props.chosen.includes(type)).length;
        return (
          <div key={group}>
            <Checkbox
              label={t('all', { group: t(`groups.${group}`, group) })}
              disabled={props.disabled}
              checked={on === some.length}
              indeterminate={on > 0 && on < some.length}
              onChange={(e) => toggle(some, e.currentTarget.checked)}
            />
            <Group gap="sm" mt={6} ml={28}>
              {some.map((type) => (
                <Checkbox
                  key={type}
                  size="xs"
                  label={type}
                  disabled={props.disabled}
                  checked={props.chosen.includes(type)}
                  onChange={(e) => toggle([type], e.currentTarget.checked)}
                />
              ))}
            </Group>
          </div>
        );
      })}
    </Stack>
  );
}

function Actions({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation('webhooks');
  const confirm = useConfirm();
  const [secret, setSecret] = useState('');
  const path = { id: webhook.id };
  const ping = useAct({
    act: () => api.POST('/api/v1/webhooks/{id}/ping', { params: { path } }),
    nouns: ['webhooks'],
    done: () => notifyDone(t('pinged')),
  });
  const rotate = useAct({
    act: async () =>
      setSecret((await body(api.POST('/api/v1/webhooks/{id}/secret', { params: { path } }))).secret ?? ''),
    nouns: ['webhooks'],
  });
  return (
    <>
      <Group gap="sm">
        <Button
          variant="default"
          leftSection={<IconSend size={16} />}
          loading={ping.isPending}
          disabled={!webhook.enabled}
          onClick={() => ping.mutate()}
        >
          {t('ping')}
        </Button>
        <Button
          variant="default"
          leftSection={<IconKey size={16} />}
          loading={rotate.isPending}
          onClick={() =>
            confirm({
              title: t('rotateTitle'),
              text: t('rotateText'),
              action: t('rotate'),
              onConfirm: () => rotate.mutate(),
            })
          }
        >
          {t('rotate')}
        </Button>
        {webhook.old_secret_until && (
          <span className="quiet">
            {t('oldUntil')} <DateTime time={webhook.old_secret_until} short />
          </span>
        )}
      </Group>
      {secret && <Made secret={secret} />}
    </>
  );
}
