import { ActionIcon, Menu } from '@mantine/core';
import { IconEye, IconEyeOff, IconListNumbers, IconMessageOff, IconUserShare } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useCan } from '../app/session';
import { assign, end, setPriority } from '../inbox/routes';
import { AssignDialog } from './AssignDialog';
import { EndDialog } from './EndDialog';
import { PriorityDialog } from './PriorityDialog';
import { RowMenu } from './RowMenu';
import { useWatchedChats } from './watched';

/** What the person may do to others' chats: asked once for a list, not once for a row. */
export interface ChatRights {
  monitor: boolean;
  assign: boolean;
  end: boolean;
}

export function useChatRights(): ChatRights {
  const can = useCan();
  const [monitor, give, stop] = [
    can('monitor', 'conversations'),
    can('assign', 'conversations'),
    can('end', 'conversations'),
  ];
  return useMemo(() => ({ monitor, assign: give, end: stop }), [monitor, give, stop]);
}

interface Chat {
  id: string;
  name: string;
  priority: number;
  /** It has no agent yet. */
  waits: boolean;
}

type Dialog = 'end' | 'priority' | 'assign';

/** What may be done to a chat: looking on as a button, the rest in a menu. */
export function ChatActions({ chat, rights }: { chat: Chat; rights: ChatRights }) {
  const { t } = useTranslation(['supervisor', 'common']);
  const [dialog, setDialog] = useState<Dialog>();
  const watched = useWatchedChats();
  const close = () => setDialog(undefined);
  const seen = watched.has(chat.id);
  const { id, name } = chat;
  return (
    <span style={{ display: 'inline-flex', gap: 2 }}>
      {rights.monitor && !chat.waits && (
        <ActionIcon
          variant={seen ? 'light' : 'subtle'}
          color="gray"
          aria-pressed={seen}
          aria-label={`${t('lookOn')}: ${name}`}
          title={t('lookOn')}
          data-action="watch-chat"
          onClick={() => watched.toggle(id)}
        >
          {seen ? <IconEyeOff size={17} /> : <IconEye size={17} />}
        </ActionIcon>
      )}
      <RowMenu label={`${t('common:actions')}: ${name}`}>
        {rights.assign && (
          <Menu.Item leftSection={<IconUserShare size={15} />} onClick={() => setDialog('assign')}>
            {t('assign')}
          </Menu.Item>
        )}
        {rights.assign && chat.waits && (
          <Menu.Item leftSection={<IconListNumbers size={15} />} onClick={() => setDialog('priority')}>
            {t('changePriority')}
          </Menu.Item>
        )}
        {rights.end && (
          <Menu.Item c="var(--t-bad)" leftSection={<IconMessageOff size={15} />} onClick={() => setDialog('end')}>
            {t('endChat')}
          </Menu.Item>
        )}
        {!rights.assign && !rights.end && <Menu.Label>{t('noActions')}</Menu.Label>}
      </RowMenu>
      {dialog === 'end' && (
        <EndDialog chat name={name} onClose={close} end={(reason) => end(id, reason)} nouns={['conversations']} />
      )}
      {dialog === 'priority' && (
        <PriorityDialog
          now={chat.priority}
          name={name}
          onClose={close}
          save={(priority) => setPriority(id, priority)}
          nouns={['conversations']}
        />
      )}
      {dialog === 'assign' && (
        <AssignDialog name={name} onClose={close} assign={(agent) => assign(id, agent)} nouns={['conversations']} />
      )}
    </span>
  );
}
