import { Button, Group, Modal, Select, Stack, Textarea } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { queueSettingsQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { useCan } from '../app/session';
import { ErrorNotice } from '../ui/ErrorNotice';
import { useCloseLabel } from '../ui/useCloseLabel';
import { close } from './routes';
import type { Conversation } from './types';

/** Ends a conversation with what came of it. The customer's next message opens it again. */
export function CloseDialog({ conversation, onClose }: { conversation: Conversation; onClose: () => void }) {
  const { t } = useTranslation(['inbox', 'common']);
  const can = useCan();
  const queue = conversation.queue_id ?? '';
  const settings = useQuery({ ...queueSettingsQuery(queue), enabled: queue !== '' && can('read', 'queues') });
  const dispositions = settings.data?.dispositions.value ?? [];
  const [disposition, setDisposition] = useState<string | null>(null);
  const [notes, setNotes] = useState('');
  const save = useSave({
    save: () => close(conversation.id, disposition ?? '', notes.trim()),
    nouns: ['conversations', 'messages'],
    quiet: true,
    done: onClose,
  });
  return (
    <Modal opened onClose={onClose} title={t('closeTitle')} closeButtonProps={useCloseLabel()}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!save.isPending) save.mutate();
        }}
      >
        <Stack gap="md">
          {dispositions.length > 0 && (
            <Select
              label={t('disposition')}
              placeholder={t('choose')}
              data-autofocus
              clearable
              allowDeselect
              data={dispositions}
              value={disposition}
              onChange={setDisposition}
            />
          )}
          <Textarea
            label={t('closeNotes')}
            autosize
            minRows={3}
            maxLength={4000}
            value={notes}
            {...(dispositions.length === 0 && { 'data-autofocus': true })}
            onChange={(event) => setNotes(event.currentTarget.value)}
          />
          {save.error ? <ErrorNotice error={save.error} /> : null}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              {t('common:cancel')}
            </Button>
            <Button type="submit" loading={save.isPending}>
              {t('close')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
