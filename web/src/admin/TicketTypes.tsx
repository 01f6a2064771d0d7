import { ActionIcon, Button, Checkbox, Group, Select, Stack, Switch, TagsInput, TextInput } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconPlus, IconTrash } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { ticketSettingsQuery, ticketTypesQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { useCan } from '../app/session';
import { isOwnType, useTicketTypes } from '../tickets/types';
import { type Column, DataTable } from '../ui/DataTable';
import { ErrorNotice } from '../ui/ErrorNotice';
import { Page, Section } from '../ui/Page';
import classes from './admin.module.css';
import { EditDrawer } from './EditDrawer';
import { TicketKeywords } from './TicketKeywords';

type TicketType = Schema['TicketType'];
type Field = Schema['TicketField'];
type Settings = Schema['TicketSettings'];

const kinds: Array<Field['type']> = ['text', 'number', 'date', 'boolean', 'list'];

/** What is kept of tickets of each type. */
export function TicketTypes() {
  const { t } = useTranslation(['crm', 'admin']);
  const { nameOf } = useTicketTypes();
  const can = useCan();
  const [editing, setEditing] = useState<TicketType | null>(null);
  const types = useQuery(ticketTypesQuery);
  const columns = useMemo(
    (): Column<TicketType>[] => [
      { id: 'type', header: t('ticket.type'), width: 200, cell: (x) => nameOf(x.type) },
      {
        id: 'fields',
        header: t('field.fields'),
        cell: (x) =>
          x.fields.map((field) => field.name + (field.required ? ' *' : '')).join(', ') || (
            <span className="quiet">–</span>
          ),
      },
    ],
    [t, nameOf],
  );
  return (
    <Page
      title={t('admin:parts.ticket-types')}
      note={t('field.lead')}
      actions={
        can('write', 'ticket-settings') && (
          <Button
            leftSection={<IconPlus size={16} aria-hidden />}
            onClick={() => setEditing({ type: '', name: '', fields: [] })}
          >
            {t('field.newType')}
          </Button>
        )
      }
    >
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
      <TicketKeywords />
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
    save: (change: Partial<Settings>) =>
      api.PUT('/api/v1/ticket-settings', { body: { survey: 'off', ...settings.data, ...change } }),
    nouns: ['ticket-settings'],
  });
  const locked = !settings.data || !can('write', 'ticket-settings');
  return (
    <Section title={t('survey.setting')}>
      <Select
        label={t('survey.ask')}
        description={t('survey.askHelp')}
        allowDeselect={false}
        maw={420}
        disabled={locked}
        data={(['off', 'numbers', 'faces'] as const).map((value) => ({ value, label: t(`survey.scales.${value}`) }))}
        value={settings.data?.survey ?? null}
        onChange={(value) => value && save.mutate({ survey: value as Settings['survey'] })}
      />
      <Switch
        label={t('survey.mail')}
        description={t('survey.mailHelp')}
        disabled={locked || settings.data?.survey === 'off'}
        checked={settings.data?.survey_mail ?? false}
        onChange={(event) => save.mutate({ survey_mail: event.currentTarget.checked })}
      />
      {save.error && <ErrorNotice error={save.error} />}
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
  const { nameOf } = useTicketTypes();
  const [name, setName] = useState(type.name ?? '');
  const own = isOwnType(type.type); // a new one, too
  const fields = rows.map(({ key: _, ...field }) => field);
  return (
    <EditDrawer
      thing={type.type ? { id: type.type, name: nameOf(type.type) } : null}
      add={t('field.newType')}
      edit={`${t('field.fields')} · ${nameOf(type.type)}`}
      noun="ticket-settings"
      nouns={['ticket-types', 'tickets']}
      wide
      save={() =>
        type.type
          ? body(api.PUT('/api/v1/ticket-types', { body: { type: type.type, fields, ...(own ? { name } : {}) } }))
          : body(api.POST('/api/v1/ticket-types', { body: { name, fields } }))
      }
      {...(own && { remove: (id: string) => api.DELETE('/api/v1/ticket-types/{id}', { params: { path: { id } } }) })}
      removeBy="write"
      onClose={onClose}
    >
      <Stack gap="md">
        {own && (
          <TextInput
            label={t('field.typeName')}
            required
            data-autofocus
            maxLength={60}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
        )}
        {rows.length === 0 && <span className="quiet">{t('field.none')}</span>}
        {rows.map((row, i) => (
          <FieldRow
            key={row.key}
            row={row}
            onChange={(part) => change(row.key, part)}
            onUp={i > 0 ? () => swap(i, i - 1) : undefined}
            onDown={i < rows.length - 1 ? () => swap(i, i + 1) : undefined}
            onRemove={() => setRows(rows.filter((one) => one.key !== row.key))}
          />
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

interface FieldRowProps {
  row: Row;
  onChange: (part: Partial<Field>) => void;
  onUp: (() => void) | undefined;
  onDown: (() => void) | undefined;
  onRemove: () => void;
}

function FieldRow({ row, onChange, onUp, onDown, onRemove }: FieldRowProps) {
  const { t } = useTranslation('crm');
  const actions = [
    { label: t('field.up'), Icon: IconArrowUp, act: onUp },
    { label: t('field.down'), Icon: IconArrowDown, act: onDown },
    { label: t('field.remove', { name: row.name }), Icon: IconTrash, act: onRemove },
  ];
  return (
    <fieldset className={classes.fieldset}>
      <legend className="sr-only">{row.name || t('field.new')}</legend>
      <Group align="end" gap="xs" wrap="nowrap">
        <TextInput
          label={t('field.name')}
          required
          maxLength={100}
          style={{ flex: 1 }}
          value={row.name}
          onChange={(event) => onChange({ name: event.currentTarget.value })}
        />
        <Select
          label={t('field.type')}
          allowDeselect={false}
          disabled={row.id !== undefined}
          w={140}
          data={kinds.map((value) => ({ value, label: t(`field.types.${value}`) }))}
          value={row.type}
          onChange={(value) => onChange({ type: value as Field['type'] })}
        />
        {actions.map(({ label, Icon, act }) => (
          <ActionIcon
            key={label}
            variant="subtle"
            color="gray"
            size="lg"
            aria-label={label}
            disabled={!act}
            onClick={act}
          >
            <Icon size={16} aria-hidden />
          </ActionIcon>
        ))}
      </Group>
      {row.type === 'list' && (
        <TagsInput
          mt="xs"
          label={t('field.options')}
          required
          value={row.options ?? []}
          onChange={(options) => onChange({ options })}
        />
      )}
      <Checkbox
        mt="xs"
        label={t('field.required')}
        checked={row.required}
        onChange={(event) => onChange({ required: event.currentTarget.checked })}
      />
    </fieldset>
  );
}
