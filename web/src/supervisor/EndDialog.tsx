import { Button, Group, Modal, Select, Stack, Text, Textarea } from '@mantine/core';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSave } from '../api/useSave';
import { ErrorNotice } from '../ui/ErrorNotice';
import { notifyDone } from '../ui/notify';
import { useCloseLabel } from '../ui/useCloseLabel';

const reasons = ['stuck', 'abusive', 'asked', 'mistake', 'other'] as const;

/** Asks before a call or chat of others is ended: which one, and why. */
export function EndDialog(props: {
  name: string;
  onClose: () => void;
  end: (reason: string) => Promise<unknown>;
  nouns: string[];
  chat?: boolean;
}) {
  const { t } = useTranslation(['supervisor', 'common']);
  const { name, onClose, chat } = props;
  const [reason, setReason] = useState<string | null>(null);
  const [text, setText] = useState('');
  const sent = useRef(false);
  const end = useSave<void>({
    save: () => props.end([reason && reason !== 'other' ? reason : '', text.trim()].filter(Boolean).join(': ')),
    nouns: props.nouns,
    quiet: true,
    done: () => {
      notifyDone(t(chat ? 'endChatDone' : 'endDone', { caller: name }));
      onClose();
    },
  });
  const complete = reason !== null && (reason !== 'other' || text.trim() !== '');
  return (
    <Modal opened onClose={onClose} title={t(chat ? 'endChatTitle' : 'endTitle')} closeButtonProps={useCloseLabel()}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          // The second click of a double click comes before anything is drawn.
          if (!complete || sent.current) return;
          sent.current = true;
          end.mutate(undefined, { onError: () => (sent.current = false) });
        }}
      >
        <Stack gap="md">
          <Text size="sm">{t(chat ? 'endChatText' : 'endText', { caller: name })}</Text>
          <Select
            label={t('endWhy')}
            required
            data-autofocus
            placeholder={t('endChoose')}
            data={reasons.map((value) => ({ value, label: t(`endReasons.${value}`) }))}
            value={reason}
            onChange={setReason}
          />
          <Textarea
            label={t('notes')}
            required={reason === 'other'}
            maxLength={400}
            autosize
            minRows={2}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
          />
          {end.error ? <ErrorNotice error={end.error} /> : null}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              {t('common:cancel')}
            </Button>
            <Button type="submit" color="#b3261e" disabled={!complete} loading={end.isPending}>
              {t(chat ? 'endChat' : 'end')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
