import { ActionIcon, UnstyledButton } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ChannelIcon } from '../inbox/channels';
import { Messages } from '../inbox/Messages';
import { usePersonName } from '../inbox/name';
import { conversationQuery, useThread } from '../inbox/queries';
import { watch } from '../inbox/routes';
import type { Conversation } from '../inbox/types';
import { ErrorNotice } from '../ui/ErrorNotice';
import { QueuePath, State } from '../ui/State';
import { ChatActions, type ChatRights } from './ChatActions';
import classes from './supervisor.module.css';
import { useWatchedChats } from './watched';

const nothing = () => undefined;

/** Chats that one looks on at, several beside each other. Neither agent nor customer sees anything of it: nothing is marked as read. */
export function WatchedChats({ onOpen, rights }: { onOpen: (id: string) => void; rights: ChatRights }) {
  const { t } = useTranslation('supervisor');
  const watched = useWatchedChats();
  if (watched.ids.length === 0 || !rights.monitor) return null;
  return (
    <section className={classes.panes} aria-label={t('watchedChats')}>
      {watched.ids.map((id) => (
        <Pane key={id} id={id} rights={rights} onOpen={() => onOpen(id)} onClose={() => watched.toggle(id)} />
      ))}
    </section>
  );
}

function Pane(props: { id: string; rights: ChatRights; onOpen: () => void; onClose: () => void }) {
  const { t } = useTranslation(['supervisor', 'inbox']);
  const name = usePersonName();
  const found = useQuery(conversationQuery(props.id));
  const watching = useWatching(props.id);
  const chat = found.data;
  const title = chat ? name(chat) : '';
  return (
    <article className={classes.pane} aria-label={title} data-pane={props.id}>
      <div className={classes.paneHead}>
        {chat && (
          <>
            <ChannelIcon channel={chat.channel} />
            <UnstyledButton className={classes.watchedWho} onClick={props.onOpen}>
              <strong>{title}</strong> <span className="quiet">{chat.owner_name || t('inbox:nobody')}</span>
            </UnstyledButton>
            {chat.state === 'closed' && <State tone="quiet">{t('inbox:state.closed')}</State>}
            <ChatActions
              chat={{ id: chat.id, name: title, priority: chat.priority, waits: true }}
              rights={{ ...props.rights, monitor: false }}
            />
          </>
        )}
        <ActionIcon
          variant="subtle"
          color="gray"
          size="sm"
          aria-label={`${t('lookAway')}: ${title}`}
          onClick={props.onClose}
        >
          <IconX size={14} />
        </ActionIcon>
      </div>
      {chat && (
        <>
          <div className={classes.paneFacts}>
            <QueuePath path={chat.queue_path} />
          </div>
          {watching.on && <Live chat={chat} />}
          {watching.error && <ErrorNotice error={watching.error} m="sm" />}
        </>
      )}
    </article>
  );
}

function Live({ chat }: { chat: Conversation }) {
  const thread = useThread(chat.id);
  return <Messages conversation={chat} thread={thread} unreadFrom={undefined} onEnd={nothing} may={false} />;
}

/** Has it written down that one looks on, as long as this is shown. */
function useWatching(id: string): { on: boolean; error?: Error } {
  const [state, setState] = useState<{ on: boolean; error?: Error }>({ on: false });
  useEffect(() => {
    let gone = false;
    const begun = watch(id, true).then(
      () => !gone && setState({ on: true }),
      (error: Error) => !gone && setState({ on: false, error }),
    );
    return () => {
      gone = true;
      void begun.then(() => watch(id, false)).catch(() => undefined); // the server ends it with the session
    };
  }, [id]);
  return state;
}
