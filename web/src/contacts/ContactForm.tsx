import { Group, MultiSelect, Select, SimpleGrid, TagsInput, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { useSave } from '../api/useSave';
import { usePeople } from '../app/people';
import { FormModal } from '../ui/FormModal';
import { ValueInput } from '../ui/ValueInput';
import { attributesQuery, type ContactPage, contactListsQuery, contactTagsQuery } from './queries';

interface ContactFormProps {
  opened: boolean;
  contact?: ContactPage;
  onClose: () => void;
  onSaved?: (contact: ContactPage) => void;
}

/** Makes a contact, or changes one. Mounted anew for each opening, so that it begins with what is so now. */
export function ContactForm(props: ContactFormProps) {
  return props.opened ? <Form {...props} /> : null;
}

type Fields = Required<Omit<Schema['ContactChange'], '$schema'>> & { lists: string[] };

// Takes a contact from whoever looked after them.
const NOBODY = '00000000-0000-0000-0000-000000000000';

/** Puts a contact on the lists by hand that were chosen, and takes them from the others. */
async function setLists(id: string, before: string[], after: string[]) {
  const change = (list: string) => ({ params: { path: { id: list, contact: id } } });
  for (const list of after.filter((one) => !before.includes(one))) {
    await api.PUT('/api/v1/contact-lists/{id}/contacts/{contact}', change(list));
  }
  for (const list of before.filter((one) => !after.includes(one))) {
    await api.DELETE('/api/v1/contact-lists/{id}/contacts/{contact}', change(list));
  }
}

function Form({ contact, onClose, onSaved }: ContactFormProps) {
  const { t } = useTranslation(['crm', 'contacts']);
  const people = usePeople();
  const attributes = useQuery(attributesQuery);
  const lists = useQuery(contactListsQuery);
  const tags = useQuery(contactTagsQuery);
  const before = contact?.lists.map((list) => list.id) ?? [];
  const form = useForm<Fields>({
    initialValues: {
      first_name: contact?.first_name ?? '',
      last_name: contact?.last_name ?? '',
      email: contact?.email ?? '',
      phone: contact?.phone ?? '',
      company: contact?.company ?? '',
      job_title: contact?.job_title ?? '',
      country: contact?.country ?? '',
      location: contact?.location ?? '',
      tags: contact?.tags ?? [],
      owner: contact?.owner ?? NOBODY,
      custom: {},
      lists: before,
    },
  });
  const custom = form.values.custom;
  const save = useSave({
    save: async ({ lists: after, ...input }: Fields) => {
      const saved = contact
        ? await body(api.PATCH('/api/v1/contacts/{id}', { params: { path: { id: contact.id } }, body: input }))
        : await body(api.POST('/api/v1/contacts', { body: input }));
      await setLists(saved.id, before, after);
      return saved;
    },
    nouns: ['contacts'],
    done: (saved) => {
      onClose();
      onSaved?.(saved);
    },
  });
  return (
    <FormModal
      opened
      wide
      title={contact ? t('contact.one') : t('contact.new')}
      onClose={onClose}
      onSubmit={form.onSubmit((input) => save.mutate(input))}
      saving={save.isPending}
      error={save.error}
    >
      <Group grow>
        <TextInput label={t('contact.firstName')} data-autofocus {...form.getInputProps('first_name')} />
        <TextInput label={t('contact.lastName')} {...form.getInputProps('last_name')} />
      </Group>
      <Group grow>
        <TextInput label={t('contact.phone')} type="tel" {...form.getInputProps('phone')} />
        <TextInput label={t('contact.email')} type="email" {...form.getInputProps('email')} />
      </Group>
      <Group grow>
        <TextInput label={t('contact.company')} {...form.getInputProps('company')} />
        <TextInput label={t('contact.jobTitle')} {...form.getInputProps('job_title')} />
      </Group>
      <Group grow>
        <TextInput label={t('contact.country')} {...form.getInputProps('country')} />
        <TextInput label={t('contact.location')} {...form.getInputProps('location')} />
      </Group>
      <TagsInput
        label={t('contact.tags')}
        description={t('contact.tagsHelp')}
        maxTags={30}
        data={tags.data ?? []}
        {...form.getInputProps('tags')}
      />
      <Group grow align="start">
        <Select
          label={t('contacts:owner')}
          searchable
          allowDeselect={false}
          data={[
            { value: NOBODY, label: t('contacts:nobody') },
            ...people.list.map((one) => ({ value: one.id, label: one.name })),
          ]}
          {...form.getInputProps('owner')}
        />
        <MultiSelect
          label={t('contacts:onLists')}
          placeholder={form.values.lists.length ? '' : t('contacts:onListsHelp')}
          data={(lists.data ?? [])
            .filter((list) => !list.conditions)
            .map((list) => ({ value: list.id, label: list.name }))}
          {...form.getInputProps('lists')}
        />
      </Group>
      {(attributes.data?.length ?? 0) > 0 && (
        <SimpleGrid cols={2}>
          {attributes.data?.map((attribute) => (
            <ValueInput
              key={attribute.id}
              label={attribute.label}
              type={attribute.type}
              options={attribute.options}
              value={attribute.key in custom ? custom[attribute.key] : contact?.custom[attribute.key]}
              onChange={(value) => form.setFieldValue('custom', { ...custom, [attribute.key]: value })}
            />
          ))}
        </SimpleGrid>
      )}
    </FormModal>
  );
}
