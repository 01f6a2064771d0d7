import { ActionIcon, Menu } from '@mantine/core';
import { IconArrowBackUp, IconCopy, IconDots, IconPencil, IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAct } from '../api/useSave';
import { useMe } from '../app/session';
import { useConfirm } from '../ui/confirm';
import { react, unsendMessage } from './routes';
import classes from './thread.module.css';
import type { Conversation, Message } from './types';

// Those that every platform takes.
const emojis = ['👍', '❤️', '😂', '😮', '😢', '🙏'];

interface Props {
  message: Message;
  conversation: Conversation;
  may: boolean;
  onQuote: ((message: Message) => void) | undefined;
  onEdit: ((message: Message) => void) | undefined;
}

/** What can be done with a message. Made when it is first opened: most are never. */
export function MessageMenu(props: Props) {
  const { t } = useTranslation('inbox');
  const [used, setUsed] = useState(false);
  const [opened, setOpened] = useState(false);
  if (!props.onQuote) return null;
  const button = (
    <ActionIcon
      className={classes.menuButton}
      variant="subtle"
      color="gray"
      size="sm"
      aria-label={t('messageActions')}
      {...(!used && {
        'aria-haspopup': 'menu',
        onClick: () => {
          setUsed(true);
          setOpened(true);
        },
      })}
    >
      <IconDots size={15} />
    </ActionIcon>
  );
  if (!used) return button;
  return (
    <Menu position="bottom" width={210} shadow="md" opened={opened} onChange={setOpened}>
      <Menu.Target>{button}</Menu.Target>
      <Menu.Dropdown>
        <Items {...props} onDone={() => setOpened(false)} />
      </Menu.Dropdown>
    </Menu>
  );
}

function Items({ message, conversation, may, onQuote, onEdit, onDone }: Props & { onDone: () => void }) {
  const { t } = useTranslation('inbox');
  const me = useMe().id;
  const confirm = useConfirm();
  const traits = conversation.composer?.traits;
  const ours = message.direction === 'out' && message.author_id === me && !message.unsent_at;
  const sent = message.status !== 'failed' && message.status !== 'queued';
  const mine = message.reactions?.find((one) => one.ours)?.emoji;
  const act = useAct<string>({
    act: (emoji) => react(conversation.id, message.id, emoji === mine ? '' : emoji),
    nouns: ['messages'],
    done: onDone,
  });
  const unsend = useAct({ act: () => unsendMessage(conversation.id, message.id), nouns: ['messages'] });
  return (
    <>
      {may && traits?.react && message.direction === 'in' && !message.unsent_at && (
        <div className={classes.emojis}>
          {emojis.map((emoji) => (
            <Menu.Item
              key={emoji}
              aria-label={t('react', { emoji })}
              data-on={emoji === mine || undefined}
              onClick={() => act.mutate(emoji)}
            >
              {emoji}
            </Menu.Item>
          ))}
        </div>
      )}
      {may && traits?.quote && message.kind !== 'note' && (
        <Menu.Item leftSection={<IconArrowBackUp size={15} />} onClick={() => onQuote?.(message)}>
          {t('quote')}
        </Menu.Item>
      )}
      {message.text && (
        <Menu.Item
          leftSection={<IconCopy size={15} />}
          onClick={() => void navigator.clipboard?.writeText(message.text).catch(() => undefined)}
        >
          {t('copyText')}
        </Menu.Item>
      )}
      {may && traits?.edit && ours && sent && message.kind === 'text' && (
        <Menu.Item leftSection={<IconPencil size={15} />} onClick={() => onEdit?.(message)}>
          {t('edit')}
        </Menu.Item>
      )}
      {may && traits?.unsend && ours && sent && (
        <Menu.Item
          c="var(--t-bad)"
          leftSection={<IconTrash size={15} />}
          onClick={() =>
            confirm({
              title: t('unsendTitle'),
              text: t('unsendText'),
              action: t('unsend'),
              onConfirm: () => unsend.mutate(),
            })
          }
        >
          {t('unsend')}
        </Menu.Item>
      )}
      {!message.text && !may && <Menu.Label>{t('nothingToDo')}</Menu.Label>}
    </>
  );
}
