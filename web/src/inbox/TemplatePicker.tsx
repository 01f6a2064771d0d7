import { Button, FileButton, Group, Modal, Select, Stack, Text, TextInput } from '@mantine/core';
import { IconPaperclip } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ErrorNotice } from '../ui/ErrorNotice';
import { EmptyState } from '../ui/Page';
import { useCloseLabel } from '../ui/useCloseLabel';
import classes from './composer.module.css';
import { usePersonName } from './name';
import { templatesQuery } from './queries';
import { Tray } from './Tray';
import { headerFile, previewOf, type Variable, variablesOf } from './template';
import type { Attachment, Conversation, Template } from './types';
import { useUploads } from './uploads';
import { useOutbox } from './useOutbox';
import { useVariableLabel } from './useVariableLabel';

const accepts = { image: 'image/*', video: 'video/*', file: '' };

/** Chooses an approved template, fills it in, and shows what the customer will read. */
export function TemplatePicker({ conversation, onClose }: { conversation: Conversation; onClose: () => void }) {
  const { t } = useTranslation('inbox');
  const found = useQuery(templatesQuery(conversation.account.id));
  const approved = (found.data ?? []).filter((one) => one.status === 'APPROVED');
  const [chosen, setChosen] = useState<string | null>(null);
  const template = approved.find((one) => keyOf(one) === chosen);
  return (
    <Modal opened onClose={onClose} title={t('chooseTemplate')} size="lg" closeButtonProps={useCloseLabel()}>
      <Stack gap="md">
        {found.error && <ErrorNotice error={found.error} onRetry={() => void found.refetch()} />}
        {found.data && approved.length === 0 && <EmptyState title={t('noTemplates')} text={t('noTemplatesText')} />}
        {approved.length > 0 && (
          <Select
            label={t('template')}
            searchable
            data-autofocus
            data={approved.map((one) => ({ value: keyOf(one), label: `${one.name} · ${one.language}` }))}
            value={chosen}
            onChange={setChosen}
          />
        )}
        {template && <Fill key={keyOf(template)} template={template} conversation={conversation} onClose={onClose} />}
      </Stack>
    </Modal>
  );
}

const keyOf = (template: Template): string => `${template.name} ${template.language}`;

function Fill(props: { template: Template; conversation: Conversation; onClose: () => void }) {
  const { t } = useTranslation(['inbox', 'common']);
  const { template, conversation, onClose } = props;
  const outbox = useOutbox();
  const name = usePersonName()(conversation);
  const variables = variablesOf(template);
  const label = useVariableLabel();
  const [values, setValues] = useState<Record<string, string>>(() => firstName(variables, name));
  const [file, setFile] = useState<Attachment>();
  const { uploads, add } = useUploads(setFile);
  const wants = headerFile(template);
  const missing = variables.some((one) => !values[one.key]?.trim()) || (wants !== undefined && !file);
  const preview = previewOf(template, values);
  const send = () => {
    outbox.add({
      client_id: crypto.randomUUID(),
      conversation: conversation.id,
      kind: 'message',
      text: '',
      at: new Date().toISOString(),
      attachments: file ? [file] : [],
      template: { name: template.name, language: template.language, values, preview },
      state: 'waiting',
    });
    onClose();
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (!missing) send();
      }}
    >
      <div className={classes.template}>
        <Stack gap="sm">
          {variables.map((one) => (
            <TextInput
              key={one.key}
              label={label(one.key)}
              placeholder={one.example}
              required
              value={values[one.key] ?? ''}
              onChange={(event) => setValues({ ...values, [one.key]: event.currentTarget.value })}
            />
          ))}
          {wants && (
            <FileButton onChange={(chosen) => chosen && add([chosen])} accept={accepts[wants]}>
              {(button) => (
                <Button variant="default" leftSection={<IconPaperclip size={15} />} {...button}>
                  {t(`header.${wants}`)}
                </Button>
              )}
            </FileButton>
          )}
          <Tray uploads={uploads} attachments={file ? [file] : []} onRemove={() => setFile(undefined)} />
          {variables.length === 0 && !wants && (
            <Text size="sm" c="dimmed">
              {t('noVariables')}
            </Text>
          )}
        </Stack>
        <div>
          <Text size="sm" fw={550} mb={4}>
            {t('preview')}
          </Text>
          <div className={classes.preview}>
            {wants && <div className={classes.previewFile}>{file?.name ?? t(`header.${wants}`)}</div>}
            {preview}
            {template.components
              .flatMap((part) => part.buttons ?? [])
              .map((button) => (
                <div key={button.text} className={classes.previewButton}>
                  {button.text}
                </div>
              ))}
          </div>
        </div>
      </div>
      <Group justify="flex-end" gap="xs" mt="md">
        <Button variant="default" onClick={onClose}>
          {t('common:cancel')}
        </Button>
        <Button type="submit" disabled={missing}>
          {t('send')}
        </Button>
      </Group>
    </form>
  );
}

/** Most templates begin with the customer's name; it is offered, and can be changed. */
function firstName(variables: Variable[], name: string): Record<string, string> {
  const key = variables.find((one) => /first_name|^body\.name$|customer/.test(one.key))?.key;
  return key ? { [key]: name.split(/\s+/)[0] ?? '' } : {};
}
