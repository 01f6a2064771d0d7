import { FileInput, Group, Select, Slider, Text, Textarea, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema, upload } from '../api/client';
import { promptsQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { FormModal } from '../ui/FormModal';

const languages = [
  { value: 'en', label: 'English' },
  { value: 'zh', label: '中文' },
];

/** The prompts that may have a translation: those that are none themselves. */
function useOriginals() {
  const prompts = useQuery(promptsQuery);
  return (
    prompts.data?.filter((p) => !p.translation_of && p.kind !== 'music').map((p) => ({ value: p.id, label: p.name })) ??
    []
  );
}

/** A text that the speech engine reads out. */
export function SpeechForm({ onClose }: { onClose: () => void }) {
  const { t, i18n } = useTranslation(['admin', 'common']);
  const form = useForm<Schema['NewSpeech']>({
    initialValues: { name: '', text: '', language: i18n.language === 'zh' ? 'zh' : 'en', speed: 1 },
  });
  const save = useSave({
    save: (input: Schema['NewSpeech']) => body(api.POST('/api/v1/prompts', { body: input })),
    nouns: ['prompts'],
    done: onClose,
  });
  return (
    <FormModal
      opened
      wide
      title={t('prompts.addSpeech')}
      onClose={onClose}
      onSubmit={form.onSubmit((input) => save.mutate(input))}
      saving={save.isPending}
      error={save.error}
    >
      <TextInput label={t('common:name')} required data-autofocus {...form.getInputProps('name')} />
      <Textarea
        label={t('prompts.text')}
        required
        autosize
        minRows={3}
        maxRows={10}
        maxLength={2000}
        {...form.getInputProps('text')}
      />
      <Group grow align="start">
        <Select label={t('prompts.language')} data={languages} {...form.getInputProps('language')} />
        <Select
          label={t('prompts.translationOf')}
          description={t('prompts.translationHelp')}
          clearable
          searchable
          data={useOriginals()}
          value={form.values.translation_of ?? null}
          onChange={(of) => form.setFieldValue('translation_of', of ?? undefined)}
        />
        <div>
          <Text size="sm" fw={500}>
            {t('prompts.speed')}
          </Text>
          <Slider
            mt={10}
            min={0.5}
            max={2}
            step={0.1}
            label={(value) => `${value.toFixed(1)}×`}
            thumbLabel={t('prompts.speed')}
            {...form.getInputProps('speed')}
          />
        </div>
      </Group>
    </FormModal>
  );
}

interface Recording {
  name: string;
  language: string;
  translation_of: string | null;
  file: File | null;
}

/** A recording of one's own. */
export function UploadForm({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation(['admin', 'common']);
  const form = useForm<Recording>({ initialValues: { name: '', language: 'en', translation_of: null, file: null } });
  const save = useSave({
    save: ({ name, language, translation_of, file }: Recording) => {
      const data = new FormData();
      data.set('name', name);
      data.set('language', language);
      if (translation_of) data.set('translation_of', translation_of);
      if (file) data.set('file', file);
      return upload<Schema['Prompt']>('/api/v1/prompts/upload', data);
    },
    nouns: ['prompts'],
    done: onClose,
  });
  const choose = (file: File | null) => {
    form.setFieldValue('file', file);
    if (file && !form.values.name) form.setFieldValue('name', file.name.replace(/\.\w+$/, ''));
  };
  return (
    <FormModal
      opened
      title={t('prompts.upload')}
      onClose={onClose}
      onSubmit={form.onSubmit((input) => save.mutate(input))}
      saving={save.isPending}
      error={save.error}
    >
      <FileInput
        label={t('prompts.file')}
        description={t('prompts.fileHint')}
        placeholder={t('prompts.choose')}
        accept="audio/wav,audio/x-wav,audio/mpeg,.wav,.mp3"
        required
        value={form.values.file}
        onChange={choose}
      />
      <TextInput label={t('common:name')} required {...form.getInputProps('name')} />
      <Select label={t('prompts.language')} data={languages} {...form.getInputProps('language')} />
      <Select
        label={t('prompts.translationOf')}
        description={t('prompts.translationHelp')}
        clearable
        searchable
        data={useOriginals()}
        {...form.getInputProps('translation_of')}
      />
    </FormModal>
  );
}
