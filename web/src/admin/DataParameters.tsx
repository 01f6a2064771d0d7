import { ActionIcon, Button, Group, Select, Stack, TextInput } from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';

type Parameter = Schema['DataParameter'];

const sources = {
  call: ['id', 'number', 'caller', 'caller_name', 'queue'],
  reserved: ['reserved_verified_customer', 'reserved_bad_actor', 'reserved_repeat_customer'],
};

const whatOf = (p: Parameter) =>
  p.type === 'fixed' ? 'fixed' : p.source === 'data' ? 'data' : `${p.source}.${p.source_field ?? ''}`;

function changedTo(p: Parameter, what: string): Parameter {
  if (what === 'fixed') return { field: p.field, type: 'fixed', source: '' };
  if (what === 'data') return { field: p.field, type: 'dynamic', source: 'data', source_field: '' };
  const [source = '', source_field = ''] = what.split('.');
  return { field: p.field, type: 'dynamic', source, source_field };
}

interface DataParametersProps {
  value: Parameter[];
  onChange: (value: Parameter[]) => void;
}

/** What calls that go out by a trunk say of themselves in headers. */
export function DataParameters({ value, onChange }: DataParametersProps) {
  const { t } = useTranslation(['admin', 'common']);
  const change = (at: number, p: Parameter) => onChange(value.map((old, i) => (i === at ? p : old)));
  const choices = [
    { value: 'fixed', label: t('trunks.data.fixed') },
    ...sources.call.map((f) => ({ value: `call.${f}`, label: t(`trunks.data.${f}`) })),
    ...sources.reserved.map((f) => ({ value: `reserved.${f}`, label: f })),
    { value: 'data', label: t('trunks.data.custom') },
  ];
  return (
    <fieldset style={{ border: 0, margin: 0, padding: 0 }}>
      <legend style={{ padding: 0, fontSize: 14, fontWeight: 500 }}>{t('trunks.data.title')}</legend>
      <p className="quiet" style={{ margin: '2px 0 8px', fontSize: 12 }}>
        {t('trunks.data.hint')}
      </p>
      <Stack gap="xs">
        {value.map((p, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: rows have no identity of their own
          <Group key={i} gap={6} wrap="nowrap" align="start">
            <TextInput
              aria-label={t('trunks.data.field')}
              placeholder="X-Call-Id"
              style={{ flex: 1 }}
              value={p.field}
              onChange={(event) => change(i, { ...p, field: event.currentTarget.value })}
            />
            <Stack gap={4} style={{ flex: 1 }}>
              <Select
                aria-label={t('trunks.data.what')}
                data={choices}
                value={whatOf(p)}
                onChange={(what) => what && change(i, changedTo(p, what))}
              />
              {p.type === 'fixed' && (
                <TextInput
                  aria-label={t('trunks.data.fixed')}
                  value={p.source}
                  onChange={(event) => change(i, { ...p, source: event.currentTarget.value })}
                />
              )}
              {p.type === 'dynamic' && p.source === 'data' && (
                <TextInput
                  aria-label={t('trunks.data.custom')}
                  placeholder="x-order"
                  value={p.source_field ?? ''}
                  onChange={(event) => change(i, { ...p, source_field: event.currentTarget.value })}
                />
              )}
            </Stack>
            <ActionIcon
              variant="subtle"
              color="gray"
              mt={4}
              aria-label={`${t('settings.remove')}: ${p.field}`}
              onClick={() => onChange(value.filter((_, at) => at !== i))}
            >
              <IconX size={16} />
            </ActionIcon>
          </Group>
        ))}
        <Button
          variant="default"
          size="compact-sm"
          style={{ alignSelf: 'start' }}
          leftSection={<IconPlus size={14} />}
          onClick={() => onChange([...value, { field: '', type: 'dynamic', source: 'call', source_field: 'id' }])}
        >
          {t('trunks.data.add')}
        </Button>
      </Stack>
    </fieldset>
  );
}
