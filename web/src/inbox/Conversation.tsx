import { Skeleton } from '@mantine/core';
import { useLocalStorage, useMediaQuery } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { isProblem } from '../api/client';
import { useMe } from '../app/session';
import { ErrorNotice } from '../ui/ErrorNotice';
import { EmptyState } from '../ui/Page';
import { Composer } from './Composer';
import { Details } from './Details';
import { ConversationHeader } from './Header';
import classes from './inbox.module.css';
import { Messages } from './Messages';
import { conversationQuery, useThread } from './queries';
import type { Message, Conversation as Row } from './types';
import { useRead } from './useRead';

const WIDE = '(min-width: 1560px)';

/** One conversation with all that can be done in it. */
export function Conversation(props: { id: string; onClose: () => void; onChange: (row: Row) => void }) {
  const { t } = useTranslation('inbox');
  const { id, onChange } = props;
  const found = useQuery(conversationQuery(id));
  const conversation = found.data;
  useEffect(() => {
    if (conversation) onChange(conversation);
  }, [conversation, onChange]);
  if (!conversation) {
    return (
      <section className={classes.conversation} aria-label={t('conversation')}>
        {isProblem(found.error, 'conversation_not_found') ? (
          <EmptyState title={t('gone')} text={t('goneText')} />
        ) : found.error ? (
          <ErrorNotice error={found.error} onRetry={() => void found.refetch()} m="md" />
        ) : (
          <Skeleton height={44} m="md" />
        )}
      </section>
    );
  }
  return <Opened {...props} conversation={conversation} />;
}

function Opened({ conversation, onClose }: { conversation: Row; onClose: () => void }) {
  const { t } = useTranslation('inbox');
  const me = useMe().id;
  const thread = useThread(conversation.id);
  const wide = useMediaQuery(WIDE, false, { getInitialValueInEffect: false });
  const [kept, keep] = useLocalStorage({
    key: 'tandem.inbox.details',
    defaultValue: '',
    getInitialValueInEffect: false,
  });
  const shown = kept === '' ? wide : kept === 'on';
  const [quote, setQuote] = useState<Message>();
  const [editing, setEditing] = useState<Message>();
  const composer = useRef<HTMLTextAreaElement>(null);
  const messages = thread.data?.messages;
  const unreadFrom = useFirstUnread(conversation, messages);
  const read = useRead(conversation, messages);
  const answer = (message: Message) => {
    setQuote(message);
    composer.current?.focus();
  };
  const author = conversation.owner_id === me || conversation.collaborators?.includes(me);
  return (
    <>
      <section className={classes.conversation} aria-label={t('conversation')} data-conversation={conversation.id}>
        <ConversationHeader
          conversation={conversation}
          details={shown}
          onDetails={() => keep(shown ? 'off' : 'on')}
          onClose={onClose}
        />
        <Messages
          conversation={conversation}
          thread={thread}
          unreadFrom={unreadFrom}
          onEnd={read}
          may={author && conversation.state !== 'closed'}
          onQuote={answer}
          onEdit={setEditing}
        />
        <Composer
          ref={composer}
          conversation={conversation}
          quote={quote}
          onQuote={setQuote}
          editing={editing}
          onEdit={setEditing}
        />
      </section>
      {shown && <Details conversation={conversation} drawer={!wide} onClose={() => keep('off')} />}
    </>
  );
}

/** Where the unread messages began when the conversation was opened; it stays there while it is read. */
function useFirstUnread(conversation: Row, messages: Message[] | undefined): number | undefined {
  const [unread] = useState(conversation.unread);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, with the first messages that are there
  return useMemo(() => {
    if (!messages || unread === 0) return undefined;
    const incoming = messages.filter((m) => m.direction === 'in');
    return incoming[Math.max(0, incoming.length - unread)]?.seq;
  }, [messages === undefined, unread]);
}
