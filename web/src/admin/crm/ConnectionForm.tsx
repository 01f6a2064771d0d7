import { Button, Group, NumberInput, PasswordInput, Select, Stack, TagsInput, Text, TextInput } from '@mantine/core';
import { type UseFormReturnType, useForm } from '@mantine/form';
import { IconPlugConnected } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../../api/client';
import { useSave } from '../../api/useSave';
import { useCan } from '../../app/session';
import { ErrorNotice } from '../../ui/ErrorNotice';
import { Tag } from '../../ui/State';
import { FieldMapping } from './FieldMapping';
import { SignIn } from './SignIn';
import { TestResult } from './TestResult';

type Connection = Schema['CRMConnection'];
type Vendor = Schema['CRMVendor'];
type Input = Schema['ConnectionInput'];

/** The form's values: the vendor's fields are kept by name, wherever the connection has them. */
export interface Values {
  provider: string;
  fields: Record<string, string>;
  mapping: Schema['CRMMap'][];
  append_days: number;
  contact_data: string;
  data_records: string[];
}

// What a connection has places of its own for; the rest are settings.
const places = ['base_url', 'queue', 'user', 'password', 'token', 'secret'] as const;

function valuesOf(c: Connection): Values {
  return {
    provider: c.provider,
    fields: { ...c.settings, base_url: c.base_url, queue: c.queue },
    mapping: c.mapping ?? [],
    append_days: c.append_days,
    contact_data: c.contact_data,
    data_records: c.data_records ?? [],
  };
}

/** What goes to the server. Secrets go only when they are typed: empty ones leave what is stored. */
function inputOf(v: Values, vendor: Vendor | undefined): Input {
  const input: Input = { provider: v.provider, settings: {}, data_records: v.data_records };
  input.mapping = v.mapping.filter((m) => m.from && m.to);
  input.append_days = v.append_days;
  input.contact_data = v.contact_data.trim();
  for (const field of vendor?.fields ?? []) {
    const value = (v.fields[field.name] ?? '').trim();
    const place = places.find((p) => p === field.name);
    if (!value) continue;
    if (place) input[place] = value;
    else input.settings = { ...input.settings, [field.name]: value };
  }
  return input;
}

export function ConnectionForm({ connection, vendors }: { connection: Connection; vendors: Vendor[] }) {
  const { t } = useTranslation(['admin', 'common']);
  const readOnly = !useCan()('write', 'crm-connection');
  const form = useForm<Values>({ initialValues: valuesOf(connection) });
  const vendor = vendors.find((v) => v.name === form.values.provider);
  const stored = form.values.provider === connection.provider;
  const save = useSave({
    save: (values: Values) => body(api.PUT('/api/v1/crm-connection', { body: inputOf(values, vendor) })),
    nouns: ['crm-connection'],
  });
  const test = useMutation({
    mutationFn: () => body(api.POST('/api/v1/crm-connection/test', { body: inputOf(form.values, vendor) })),
  });
  return (
    <form onSubmit={form.onSubmit((values) => save.mutate(values))}>
      <Stack gap="md">
        <Select
          label={t('crm.provider')}
          data={vendors.map((v) => ({ value: v.name, label: labelOf(v, t('crm.own')) }))}
          allowDeselect={false}
          disabled={readOnly}
          {...form.getInputProps('provider')}
        />
        {vendor && <Assurance vendor={vendor} />}
        {vendor?.fields.map((field) => (
          <FieldInput
            key={`${vendor.name}.${field.name}`}
            field={field}
            vendor={vendor.name}
            form={form}
            stored={stored && connection.credentials_stored}
            readOnly={readOnly}
          />
        ))}
        {vendor?.oauth && (
          <SignIn
            vendor={vendor}
            ready={stored && Boolean(connection.settings['client_id']) && !form.isDirty()}
            authorized={stored && connection.authorized}
            readOnly={readOnly}
          />
        )}
        <NumberInput
          label={t('crm.appendDays')}
          description={t('crm.appendDaysHint')}
          min={0}
          max={365}
          allowDecimal={false}
          disabled={readOnly}
          {...form.getInputProps('append_days')}
        />
        <TextInput
          label={t('crm.contactData')}
          description={t('crm.contactDataHint')}
          disabled={readOnly}
          {...form.getInputProps('contact_data')}
        />
        {form.values.provider !== 'own' && <FieldMapping form={form} readOnly={readOnly} />}
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

const labelOf = (v: Vendor, own: string) => (v.name === 'own' ? own : v.label);

/** What a vendor's connection promises (spec R6.2): exactly once where it can be known, else at least once. */
function Assurance({ vendor }: { vendor: Vendor }) {
  const { t } = useTranslation('admin');
  return (
    <Group gap="xs">
      <Tag tone={vendor.at_least_once ? 'warn' : 'good'}>
        {t(vendor.at_least_once ? 'crm.atLeastOnce' : 'crm.exactlyOnce')}
      </Tag>
      <Text size="xs" c="dimmed">
        {vendor.name === 'own'
          ? t('crm.ownHint')
          : t(vendor.at_least_once ? 'crm.atLeastOnceHint' : 'crm.exactlyOnceHint')}{' '}
        {vendor.largest_file > 0 && t('crm.largest', { megabytes: Math.floor(vendor.largest_file / 1_000_000) })}
      </Text>
    </Group>
  );
}

function FieldInput(props: {
  field: Schema['CRMField'];
  vendor: string;
  form: UseFormReturnType<Values>;
  stored: boolean;
  readOnly: boolean;
}) {
  const { t } = useTranslation('admin');
  const { field, vendor, form, stored, readOnly } = props;
  const word = (part: string, fallback: string) =>
    t([`crm.fields.${vendor}.${field.name}.${part}`, `crm.fields.any.${field.name}.${part}`], fallback);
  // The user name is kept with the credentials, and not shown again either.
  const kept = stored && (field.kind === 'secret' || field.name === 'user');
  const common = {
    label: word('label', field.label),
    description: [word('help', field.help ?? ''), kept ? t('crm.keep') : ''].filter(Boolean).join(' '),
    required: field.required && !kept,
    disabled: readOnly,
    placeholder: field.default ?? '',
    value: form.values.fields[field.name] ?? '',
    onChange: (e: { currentTarget: { value: string } }) =>
      form.setFieldValue('fields', { ...form.values.fields, [field.name]: e.currentTarget.value }),
  };
  return field.kind === 'secret' ? (
    <PasswordInput {...common} autoComplete="new-password" />
  ) : (
    <TextInput {...common} type={field.kind === 'url' ? 'url' : 'text'} autoComplete="off" />
  );
}
