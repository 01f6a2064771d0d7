import { Select, TagsInput, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { type Attribute, attributesQuery } from '../contacts/queries';
import type { Column } from '../ui/DataTable';
import { EditDrawer } from './EditDrawer';
import { ListPage } from './ListPage';

const types = ['text', 'number', 'date', 'boolean', 'list'] as const;

/** What a tenant keeps of contacts besides what is built in. */
export function ContactAttributes() {
  const { t } = useTranslation(['contacts', 'admin']);
  const columns = useMemo(
    (): Column<Attribute>[] => [
      {
        id: 'label',
        header: t('attributes.label'),
        sort: (a) => a.label,
        cell: (a) => <strong style={{ fontWeight: 550 }}>{a.label}</strong>,
      },
      { id: 'key', header: t('attributes.key'), sort: (a) => a.key, cell: (a) => <code>{a.key}</code> },
      { id: 'type', header: t('attributes.type'), width: 140, cell: (a) => t(`attributes.types.${a.type}`) },
      {
        id: 'options',
        header: t('attributes.options'),
        cell: (a) => a.options.join(', ') || <span className="quiet">–</span>,
      },
    ],
    [t],
  );
  return (
    <ListPage
      title={t('admin:parts.attributes')}
      noun="attributes"
      add={t('attributes.add')}
      query={useQuery(attributesQuery)}
      columns={columns}
      rowKey={(a) => a.id}
      empty={t('attributes.empty')}
      emptyText={t('attributes.emptyText')}
      form={(attribute, onClose) => <AttributeForm attribute={attribute} onClose={onClose} />}
    />
  );
}

type Fields = Required<Omit<Schema['AttributeInput'], '$schema'>>;

/** A key made of a name, for whoever does not choose one. */
export const keyOf = (label: string): string =>
  label
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^[^a-z]+|_+$/g, '')
    .slice(0, 40);

function AttributeForm({ attribute, onClose }: { attribute: Attribute | null; onClose: () => void }) {
  const { t } = useTranslation('contacts');
  const form = useForm<Fields>({
    initialValues: {
      label: attribute?.label ?? '',
      key: attribute?.key ?? '',
      type: attribute?.type ?? 'text',
      options: attribute?.options ?? [],
    },
  });
  const list = form.values.type === 'list';
  return (
    <EditDrawer
      thing={attribute && { id: attribute.id, name: attribute.label }}
      add={t('attributes.add')}
      edit={t('attributes.edit')}
      noun="attributes"
      removeBy="write"
      nouns={['contact-attributes', 'contacts']}
      form={form}
      save={({ label, key, type, options }: Fields) => {
        const input = { label, options: list ? options : [] };
        return attribute
          ? body(api.PUT('/api/v1/contact-attributes/{id}', { params: { path: { id: attribute.id } }, body: input }))
          : body(api.POST('/api/v1/contact-attributes', { body: { ...input, type, key: key || keyOf(label) } }));
      }}
      remove={(id) => api.DELETE('/api/v1/contact-attributes/{id}', { params: { path: { id } } })}
      removeWords={{
        action: t('remove'),
        title: t('attributes.deleteTitle', { name: attribute?.label }),
        text: t('attributes.deleteText'),
      }}
      onClose={onClose}
    >
      <TextInput
        label={t('attributes.label')}
        required
        data-autofocus
        maxLength={100}
        {...form.getInputProps('label')}
      />
      <TextInput
        label={t('attributes.key')}
        description={t('attributes.keyHelp')}
        placeholder={keyOf(form.values.label)}
        maxLength={40}
        disabled={attribute !== null}
        {...form.getInputProps('key')}
      />
      <Select
        label={t('attributes.type')}
        description={t('attributes.typeHelp')}
        allowDeselect={false}
        disabled={attribute !== null}
        data={types.map((value) => ({ value, label: t(`attributes.types.${value}`) }))}
        {...form.getInputProps('type')}
      />
      {list && (
        <TagsInput
          label={t('attributes.options')}
          description={t('attributes.optionsHelp')}
          required
          {...form.getInputProps('options')}
        />
      )}
    </EditDrawer>
  );
}
