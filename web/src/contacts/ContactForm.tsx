import { Group, TagsInput, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { useSave } from '../api/useSave';
import { FormModal } from '../ui/FormModal';

type Contact = Schema['Contact'];

interface ContactFormProps {
  opened: boolean;
  contact?: Contact;
  onClose: () => void;
  onSaved?: (contact: Schema['ContactPage']) => void;
}

/** Makes a contact, or changes one. Mounted anew for each opening, so that it begins with what is so now. */
export function ContactForm(props: ContactFormProps) {
  return props.opened ? <Form {...props} /> : null;
}

function Form({ contact, onClose, onSaved }: ContactFormProps) {
  const { t } = useTranslation('crm');
  const form = useForm<Schema['ContactChange']>({
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
    },
  });
  const save = useSave({
    save: (input: Schema['ContactChange']) =>
      contact
        ? body(api.PATCH('/api/v1/contacts/{id}', { params: { path: { id: contact.id } }, body: input }))
        : body(api.POST('/api/v1/contacts', { body: input })),
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
        {...form.getInputProps('tags')}
      />
    </FormModal>
  );
}
