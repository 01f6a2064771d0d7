import { ActionIcon, Menu, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconDots } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { useAct, useSave } from '../api/useSave';
import { useCan } from '../app/session';
import { useConfirm } from '../ui/confirm';
import { FormModal } from '../ui/FormModal';
import { notifyDone } from '../ui/notify';
import { RecordingAccess } from './RecordingsWaitingAccess';

type Waiting = Schema['RecordingWaiting'];

/** What may be done with one recording that waits. */
export function RecordingActions({ recording }: { recording: Waiting }) {
  const { t } = useTranslation('admin');
  const can = useCan();
  const confirm = useConfirm();
  const [open, setOpen] = useState<'ticket' | 'access'>();
  const path = { id: recording.id };
  const retry = useAct({
    act: () => api.POST('/api/v1/recordings/{id}/retry', { params: { path } }),
    nouns: ['recordings'],
    done: () => notifyDone(t('recordings.retried')),
  });
  const destroy = useAct({
    act: () => api.DELETE('/api/v1/recordings/{id}', { params: { path } }),
    nouns: ['recordings'],
    done: () => notifyDone(t('recordings.destroyed')),
  });
  if (recording.state === 'capturing') return null;
  const [mayWrite, mayDestroy, mayListen] = [
    can('write', 'recordings'),
    can('delete', 'recordings'),
    can('access', 'recordings'),
  ];
  if (!mayWrite && !mayDestroy && !mayListen) return null;
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="subtle" aria-label={t('recordings.act')} loading={retry.isPending || destroy.isPending}>
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {mayWrite && <Menu.Item onClick={() => retry.mutate()}>{t('recordings.retry')}</Menu.Item>}
          {mayWrite && recording.confirmed === 0 && (
            <Menu.Item onClick={() => setOpen('ticket')}>{t('recordings.otherTicket')}</Menu.Item>
          )}
          {mayListen && <Menu.Item onClick={() => setOpen('access')}>{t('recordings.access.open')}</Menu.Item>}
          {mayDestroy && (
            <Menu.Item
              color="red"
              onClick={() =>
                confirm({
                  title: t('recordings.destroyTitle'),
                  text: t('recordings.destroyText'),
                  action: t('recordings.destroy'),
                  onConfirm: () => destroy.mutate(),
                })
              }
            >
              {t('recordings.destroy')}
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
      {open === 'ticket' && <OtherTicket recording={recording} onClose={() => setOpen(undefined)} />}
      {open === 'access' && <RecordingAccess recording={recording} onClose={() => setOpen(undefined)} />}
    </>
  );
}

function OtherTicket({ recording, onClose }: { recording: Waiting; onClose: () => void }) {
  const { t } = useTranslation('admin');
  const form = useForm({ initialValues: { ticket: recording.ticket } });
  const move = useSave({
    save: (value: { ticket: string }) =>
      body(api.PUT('/api/v1/recordings/{id}/ticket', { params: { path: { id: recording.id } }, body: value })),
    nouns: ['recordings'],
    done: onClose,
  });
  return (
    <FormModal
      opened
      title={t('recordings.ticketTitle')}
      onClose={onClose}
      saving={move.isPending}
      error={move.error}
      onSubmit={form.onSubmit((value) => move.mutate(value))}
    >
      <TextInput
        label={t('recordings.ticket')}
        description={t('recordings.ticketHint')}
        required
        data-autofocus
        {...form.getInputProps('ticket')}
      />
    </FormModal>
  );
}
