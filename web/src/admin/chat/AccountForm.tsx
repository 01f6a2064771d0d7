import { Button, Collapse, PasswordInput, Select, Skeleton, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body } from '../../api/client';
import { Problem } from '../../api/problem';
import { channelKindsQuery, queuesQuery } from '../../api/queries';
import { useCan } from '../../app/session';
import { ErrorNotice } from '../../ui/ErrorNotice';
import { useErrorText } from '../../ui/errorText';
import { Section } from '../../ui/Page';
import { EditDrawer } from '../EditDrawer';
import { AccountStatus } from './AccountStatus';
import { type Account, changeOf, type Field, splitFields, type Values, valuesOf } from './account';
import { DeadLetters } from './DeadLetters';

/** Sets an account up by what its kind needs, and shows how it is. Secrets are typed, never shown. */
export function AccountForm({ account, onClose }: { account: Account | null; onClose: () => void }) {
  const { t } = useTranslation(['channels', 'common']);
  const can = useCan();
  const kinds = useQuery(channelKindsQuery);
  const queues = useQuery(queuesQuery);
  const [channel, setChannel] = useState<string | null>(account?.channel ?? null);
  const kind = kinds.data?.find((k) => k.channel === channel);
  const form = useForm<Values>({ initialValues: valuesOf(account) });
  const [refused, setRefused] = useState<unknown>(null);
  const reason = useErrorText(refused);
  const blamed = refused instanceof Problem ? refused.fields[0]?.field : undefined;
  const wrong = (name: string) => (blamed === name ? reason : undefined);
  const { main, advanced } = splitFields(kind?.fields ?? []);
  const readOnly = !can('write', 'channels');
  const field = (f: Field) => (
    <FieldInput
      key={f.name}
      field={f}
      channel={channel ?? ''}
      account={account}
      form={form}
      readOnly={readOnly}
      error={wrong(f.name)}
    />
  );
  return (
    <EditDrawer
      wide
      thing={account && { id: account.id, name: account.label }}
      add={t('add')}
      edit={account ? `${t(`inbox:channels.${account.channel}`, account.channel)} · ${account.label}` : ''}
      noun="channels"
      nouns={['channels']}
      form={form}
      save={(values: Values) => {
        setRefused(null);
        const change = changeOf(values, account, kind?.fields ?? []);
        const saved = account
          ? body(api.PATCH('/api/v1/channels/{id}', { params: { path: { id: account.id } }, body: change }))
          : body(api.POST('/api/v1/channels', { body: { ...change, ...(channel ? { channel } : {}) } }));
        return saved.catch((error) => {
          setRefused(error);
          throw error;
        });
      }}
      remove={(id) => api.DELETE('/api/v1/channels/{id}', { params: { path: { id } } })}
      removeWords={{
        action: t('archive'),
        title: t('archiveTitle', { name: account?.label ?? '' }),
        text: t('archiveText'),
      }}
      onClose={onClose}
    >
      {account && <AccountStatus account={account} kind={kind} />}
      {account && account.dead > 0 && <DeadLetters account={account} onLeave={onClose} />}
      {kinds.error && <ErrorNotice error={kinds.error} onRetry={kinds.refetch} />}
      {!kinds.data && !kinds.error && <Skeleton height={260} />}
      {kinds.data && !account && (
        <Select
          label={t('choose')}
          required
          data-autofocus
          data={kinds.data.map((k) => ({ value: k.channel, label: t(`inbox:channels.${k.channel}`, k.channel) }))}
          value={channel}
          onChange={(value) => {
            setChannel(value);
            form.setFieldValue('fields', {});
          }}
        />
      )}
      {kind && (
        <Section title={t('setUp')}>
          <Stack gap="md">
            <TextInput
              label={t('label')}
              description={t('labelHelp')}
              maxLength={100}
              disabled={readOnly}
              {...form.getInputProps('label')}
            />
            {!account && (
              <TextInput
                label={t('name')}
                description={t('nameHelp')}
                required
                pattern="[a-z0-9]([a-z0-9\-]{0,38}[a-z0-9])?"
                autoComplete="off"
                {...form.getInputProps('name')}
                error={wrong('name')}
              />
            )}
            <Select
              label={t('queue')}
              description={t('queueHelp')}
              searchable
              clearable
              disabled={readOnly}
              placeholder={t('noQueue')}
              data={queues.data?.filter((q) => q.leaf).map((q) => ({ value: q.id, label: q.name })) ?? []}
              {...form.getInputProps('queue_id')}
            />
            {main.map(field)}
            {advanced.length > 0 && (
              <Advanced wrong={advanced.some((f) => f.name === blamed)}>{advanced.map(field)}</Advanced>
            )}
          </Stack>
        </Section>
      )}
    </EditDrawer>
  );
}

function FieldInput(props: {
  field: Field;
  channel: string;
  account: Account | null;
  form: ReturnType<typeof useForm<Values>>;
  readOnly: boolean;
  error: string | undefined;
}) {
  const { t } = useTranslation('channels');
  const { field, channel, account, form, readOnly } = props;
  const word = (part: string, fallback: string) =>
    t([`fields.${channel}.${field.name}.${part}`, `fields.any.${field.name}.${part}`], fallback);
  const stored = field.secret && account?.secrets_stored.includes(field.name);
  const common = {
    label: word('label', field.name),
    description: [word('help', ''), stored ? t('stored') : ''].filter(Boolean).join(' '),
    required: Boolean(field.required) && !stored && !field.default,
    disabled: readOnly,
    placeholder: field.default ?? '',
    value: form.values.fields[field.name] ?? '',
    error: props.error,
  };
  const set = (value: string) => form.setFieldValue('fields', { ...form.values.fields, [field.name]: value });
  if (field.secret)
    return <PasswordInput {...common} autoComplete="new-password" onChange={(e) => set(e.currentTarget.value)} />;
  if (field.name === 'encryption')
    return (
      <Select
        {...common}
        allowDeselect={false}
        value={common.value || 'optional'}
        data={['optional', 'required'].map((value) => ({ value, label: t(`encryption.${value}`) }))}
        onChange={(value) => set(value ?? '')}
      />
    );
  return <TextInput {...common} autoComplete="off" onChange={(e) => set(e.currentTarget.value)} />;
}

function Advanced({ children, wrong }: { children: React.ReactNode; wrong: boolean }) {
  const { t } = useTranslation('channels');
  const [chosen, setChosen] = useState(false);
  const open = chosen || wrong;
  const id = useId();
  return (
    <div>
      <Button
        variant="subtle"
        size="compact-sm"
        px={4}
        aria-expanded={open}
        aria-controls={id}
        leftSection={open ? <IconChevronDown size={15} /> : <IconChevronRight size={15} />}
        onClick={() => setChosen(!open)}
      >
        {t('advanced')}
      </Button>
      <Collapse expanded={open} id={id}>
        <Stack gap="md" mt="xs">
          <Text size="xs" c="dimmed">
            {t('advancedHelp')}
          </Text>
          {children}
        </Stack>
      </Collapse>
    </div>
  );
}
