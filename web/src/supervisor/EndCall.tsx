import { ActionIcon, Button } from '@mantine/core';
import { IconPhoneOff } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { api, type Schema } from '../api/client';
import { useAct } from '../api/useSave';
import { useCan } from '../app/session';
import { useCallerText } from '../ui/caller';
import { useConfirm } from '../ui/confirm';
import { notifyDone } from '../ui/notify';

/** Ends a call of others, after a question; nothing for those who may not. */
export function EndCall({ call, large }: { call: Schema['CallRow']; large?: boolean }) {
  const { t } = useTranslation('supervisor');
  const can = useCan();
  const confirm = useConfirm();
  const caller = useCallerText();
  const end = useAct({
    act: () => api.POST('/api/v1/calls/{id}/end', { params: { path: { id: call.call_id } }, body: {} }),
    nouns: ['calls', 'agents'],
    done: () => notifyDone(t('endDone')),
  });
  if (!can('end', 'calls') || call.state === 'ended') return null;
  const ask = () =>
    confirm({
      title: t('endTitle'),
      text: t('endText', { caller: caller(call) }),
      action: t('end'),
      onConfirm: () => end.mutate(),
    });
  return large ? (
    <Button color="#b3261e" leftSection={<IconPhoneOff size={16} />} loading={end.isPending} onClick={ask}>
      {t('end')}
    </Button>
  ) : (
    <ActionIcon
      variant="subtle"
      color="red"
      aria-label={`${t('end')}: ${caller(call)}`}
      loading={end.isPending}
      onClick={ask}
    >
      <IconPhoneOff size={17} />
    </ActionIcon>
  );
}
