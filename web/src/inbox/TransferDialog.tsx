import { Button, Group, Modal, SegmentedControl, Select, Stack, Text, Textarea } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body } from '../api/client';
import { useSave } from '../api/useSave';
import { ErrorNotice } from '../ui/ErrorNotice';
import { notifyDone } from '../ui/notify';
import { useCloseLabel } from '../ui/useCloseLabel';
import { useColleagues } from './colleagues';
import { transfer } from './routes';
import type { Conversation } from './types';

/** Hands a conversation to a queue or to a colleague, with a note for whoever gets it. */
export function TransferDialog(props: { conversation: Conversation; name: string; onClose: () => void }) {
  const { t } = useTranslation(['inbox', 'common']);
  const { conversation, onClose } = props;
  const [kind, setKind] = useState<'queue' | 'agent'>('queue');
  const [to, setTo] = useState<string | null>(null);
  const [note, setNote] = useState('');
  const targets = useTargets(conversation.channel, t);
  const data = targets[kind];
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
          {data.length === 0 && (
            <Text size="sm" c="dimmed">
              {t('noTargets')}
            </Text>
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

type Option = { value: string; label: string };

function useTargets(
  channel: string,
  t: (key: string, values?: Record<string, unknown>) => string,
): { queue: Option[]; agent: Option[] } {
  const queues = useQuery({
    queryKey: ['queues', 'transfer-targets', channel],
    queryFn: async () =>
      (await body(api.GET('/api/v1/queues/transfer-targets', { params: { query: { channel } } }))).items,
  });
  const colleagues = useColleagues();
  return {
    queue: (queues.data ?? []).map((one) => ({
      value: one.queue,
      label: [
        one.path.join(' › ') || one.name,
        one.open ? t('freeAgents', { count: one.available_agents }) : t('queueClosed'),
      ].join(' · '),
    })),
    agent: colleagues.map((one) => ({
      value: one.id,
      label: `${one.name} · ${t(`common:presence.${one.presence}`)}`,
    })),
  };
}
