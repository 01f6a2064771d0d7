import { ActionIcon, Button, Checkbox, Group, Select, Stack, TagsInput, TextInput } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconPlus, IconTrash } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { ticketSettingsQuery, ticketTypesQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { useCan } from '../app/session';
import { type Column, DataTable } from '../ui/DataTable';
import { Page, Section } from '../ui/Page';
import classes from './admin.module.css';
import { EditDrawer } from './EditDrawer';

type TicketType = Schema['TicketType'];
type Field = Schema['TicketField'];

const kinds: Array<Field['type']> = ['text', 'number', 'date', 'boolean', 'list'];

/** What is kept of tickets of each type. */
export function TicketTypes() {
  const { t } = useTranslation(['crm', 'admin']);
  const [editing, setEditing] = useState<TicketType | null>(null);
  const types = useQuery(ticketTypesQuery);
  const columns = useMemo(
    (): Column<TicketType>[] => [
      { id: 'type', header: t('ticket.type'), width: 200, cell: (x) => t(`type.${x.type}`) },
      {
        id: 'fields',
        header: t('field.fields'),
        cell: (x) =>
          x.fields.map((field) => field.name + (field.required ? ' *' : '')).join(', ') || (
            <span className="quiet">–</span>
          ),
      },
    ],
    [t],
  );
  return (
    <Page title={t('admin:parts.ticket-types')} note={t('field.lead')}>
      <DataTable
        label={t('admin:parts.ticket-types')}
        rows={types.data}
        loading={types.isPending}
        error={types.error}
        onRetry={types.refetch}
        columns={columns}
        rowKey={(x) => x.type}
        onOpen={setEditing}
        empty={t('ticket.type')}
      />
      <SurveySetting />
      {editing && <TypeForm type={editing} onClose={() => setEditing(null)} />}
    </Page>
  );
}

function SurveySetting() {
  const { t } = useTranslation('crm');
  const can = useCan();
  const settings = useQuery(ticketSettingsQuery);
  const save = useSave({
    save: (survey: Schema['TicketSettings']['survey']) => api.PUT('/api/v1/ticket-settings', { body: { survey } }),
    nouns: ['ticket-settings'],
  });
  return (
    <Section title={t('survey.setting')}>
      <Select
        label={t('survey.ask')}
        description={t('survey.askHelp')}
        allowDeselect={false}
        maw={420}
        disabled={!settings.data || !can('write', 'ticket-settings')}
        data={(['off', 'numbers', 'faces'] as const).map((value) => ({ value, label: t(`survey.scales.${value}`) }))}
        value={settings.data?.survey ?? null}
        onChange={(value) => value && save.mutate(value as Schema['TicketSettings']['survey'])}
        error={save.error ? save.errorText : undefined}
      />
    </Section>
  );
}

// A new field has no id yet, and needs a key of its own meanwhile.
type Row = Field & { key: string };

function TypeForm({ type, onClose }: { type: TicketType; onClose: () => void }) {
  const { t } = useTranslation('crm');
  const [rows, setRows] = useState<Row[]>(() => type.fields.map((field) => ({ ...field, key: field.id ?? '' })));
  const change = (key: string, part: Partial<Field>) =>
    setRows(rows.map((row) => (row.key === key ? { ...row, ...part } : row)));
  const swap = (a: number, b: number) =>
    setRows(rows.map((row, i) => (i === a ? rows[b] : i === b ? rows[a] : row) as Row));
  const name = t(`type.${type.type}`);
  return (
    <EditDrawer
      thing={{ id: type.type, name }}
      add=""
      edit={`${t('field.fields')} · ${name}`}
      noun="ticket-settings"
      nouns={['ticket-types', 'tickets']}
      wide
      save={() =>
        body(
          api.PUT('/api/v1/ticket-types', {
            body: { type: type.type, fields: rows.map(({ key: _, ...field }) => field) },
          }),
        )
      }
      onClose={onClose}
    >
      <Stack gap="md">
        {rows.length === 0 && <span className="quiet">{t('field.none')}</span>}
        {rows.map((row, i) => (
          <fieldset key={row.key} className={classes.fieldset}>
            <legend className="sr-only">{row.name || t('field.new')}</legend>
            <Group align="end" gap="xs" wrap="nowrap">
              <TextInput
                label={t('field.name')}
                required
                maxLength={100}
                style={{ flex: 1 }}
                value={row.name}
                onChange={(event) => change(row.key, { name: event.currentTarget.value })}
              />
              <Select
                label={t('field.type')}
                allowDeselect={false}
                disabled={row.id !== undefined}
                w={140}
                data={kinds.map((value) => ({ value, label: t(`field.types.${value}`) }))}
                value={row.type}
                onChange={(value) => change(row.key, { type: value as Field['type'] })}
              />
              <ActionIcon
                variant="subtle"
                color="gray"
                size="lg"
                aria-label={t('field.up')}
                disabled={i === 0}
                onClick={() => swap(i, i - 1)}
              >
                <IconArrowUp size={16} aria-hidden />
              </ActionIcon>
              <ActionIcon
                variant="subtle"
                color="gray"
                size="lg"
                aria-label={t('field.down')}
                disabled={i === rows.length - 1}
                onClick={() => swap(i, i + 1)}
              >
                <IconArrowDown size={16} aria-hidden />
              </ActionIcon>
              <ActionIcon
                variant="subtle"
                color="gray"
                size="lg"
                aria-label={t('field.remove', { name: row.name })}
                onClick={() => setRows(rows.filter((one) => one.key !== row.key))}
              >
                <IconTrash size={16} aria-hidden />
              </ActionIcon>
            </Group>
            {row.type === 'list' && (
              <TagsInput
                mt="xs"
                label={t('field.options')}
                required
                value={row.options ?? []}
                onChange={(options) => change(row.key, { options })}
              />
            )}
            <Checkbox
              mt="xs"
              label={t('field.required')}
              checked={row.required}
              onChange={(event) => change(row.key, { required: event.currentTarget.checked })}
            />
          </fieldset>
        ))}
        <Button
          variant="default"
          leftSection={<IconPlus size={16} aria-hidden />}
          onClick={() => setRows([...rows, { key: crypto.randomUUID(), name: '', type: 'text', required: false }])}
        >
          {t('field.add')}
        </Button>
      </Stack>
    </EditDrawer>
  );
}
