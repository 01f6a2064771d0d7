import { Button, Group, Modal, SegmentedControl, Select, Stack, Text, Textarea } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSave } from '../api/useSave';
import { ErrorNotice } from '../ui/ErrorNotice';
import { notifyDone } from '../ui/notify';
import { useCloseLabel } from '../ui/useCloseLabel';
import { transfer } from './routes';
import { useTransferTargets } from './targets';
import type { Conversation } from './types';

/** Hands a conversation to a queue or to a colleague, with a note for whoever gets it. */
export function TransferDialog(props: { conversation: Conversation; name: string; onClose: () => void }) {
  const { t } = useTranslation(['inbox', 'common']);
  const { conversation, onClose } = props;
  const [kind, setKind] = useState<'queue' | 'agent'>('queue');
  const [to, setTo] = useState<string | null>(null);
  const [note, setNote] = useState('');
  const targets = useTransferTargets(conversation.channel);
  const data = kind === 'queue' ? targets.queues : targets.agents;
  const save = useSave({
    save: () =>
      transfer(conversation.id, {
        ...(kind === 'queue' ? { queue_id: to ?? '' } : { agent_id: to ?? '' }),
        note: note.trim(),
      }),
    nouns: ['conversations', 'messages'],
    quiet: true,
    done: () => {
      notifyDone(t('transferred', { name: props.name }));
      onClose();
    },
  });
  return (
    <Modal opened onClose={onClose} title={t('transferTitle', { name: props.name })} closeButtonProps={useCloseLabel()}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (to && !save.isPending) save.mutate();
        }}
      >
        <Stack gap="md">
          <SegmentedControl
            fullWidth
            aria-label={t('transfer')}
            data={[
              { value: 'queue', label: t('toQueue') },
              { value: 'agent', label: t('toAgent') },
            ]}
            value={kind}
            onChange={(value) => {
              setKind(value as 'queue' | 'agent');
              setTo(null);
            }}
          />
          <Select
            key={kind}
            label={t(kind)}
            required
            searchable
            data-autofocus
            nothingFoundMessage={t('noTargets')}
            data={data}
            value={to}
            onChange={setTo}
          />
          {kind === 'queue' && targets.error ? (
            <ErrorNotice error={targets.error} onRetry={targets.refetch} />
          ) : (
            data.length === 0 && (
              <Text size="sm" c="dimmed">
                {t('noTargets')}
              </Text>
            )
          )}
          <Textarea
            label={t('transferNote')}
            autosize
            minRows={2}
            maxLength={2000}
            value={note}
            onChange={(event) => setNote(event.currentTarget.value)}
          />
          {save.error ? <ErrorNotice error={save.error} /> : null}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              {t('common:cancel')}
            </Button>
            <Button type="submit" disabled={!to} loading={save.isPending}>
              {t('transfer')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
