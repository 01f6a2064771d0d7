import { Button } from '@mantine/core';
import { IconArrowBackUp, IconLock, IconRefresh } from '@tabler/icons-react';
import { memo } from 'react';
import { useTranslation } from 'react-i18next';
import { useAct } from '../api/useSave';
import { DateTime } from '../ui/time';
import { AttachmentView } from './Attachments';
import { BodyView } from './BodyView';
import { useFailureText } from './failure';
import { Linked } from './Linked';
import type { Viewed } from './MediaViewer';
import { MessageMenu } from './MessageMenu';
import { retryMessage } from './routes';
import { SystemLine } from './SystemLine';
import { Ticks } from './Ticks';
import classes from './thread.module.css';
import type { Conversation, Message } from './types';

interface Props {
  message: Message;
  album: Message[];
  first: boolean;
  conversation: Conversation;
  may: boolean;
  onQuote: ((message: Message) => void) | undefined;
  onEdit: ((message: Message) => void) | undefined;
  onView: (viewed: Viewed) => void;
}

/** One message: who, what, and how far it has come. */
export const MessageLine = memo(function MessageLine(props: Props) {
  const { message } = props;
  if (message.kind === 'system' || message.kind === 'begin') return <SystemLine message={message} />;
  return <Bubble {...props} />;
});

function Bubble({ message, album, first, conversation, may, onQuote, onEdit, onView }: Props) {
  const { t } = useTranslation('inbox');
  const author = useAuthor(message);
  const note = message.kind === 'note';
  const unsent = message.unsent_at !== undefined;
  const files = [message, ...album].flatMap((m) => m.attachments ?? []);
  return (
    <article
      className={classes.line}
      data-direction={note ? 'note' : message.direction}
      data-first={first || undefined}
      data-message={message.id}
      data-status={message.status}
      aria-label={author}
    >
      {first && (
        <div className={classes.author}>
          {note && <IconLock size={12} aria-hidden />}
          {note ? t('noteBy', { name: author }) : author}
        </div>
      )}
      <div className={classes.bubbleLine}>
        <div className={classes.bubble} data-kind={message.kind} data-unsent={unsent || undefined}>
          {message.body?.forwarded && <div className={classes.small}>{t('forwarded')}</div>}
          {message.quote && <Quote message={message} />}
          {files.length > 0 && !unsent && (
            <div className={classes.files} data-count={files.length > 1 ? 'many' : undefined}>
              {files.map((file) => (
                <AttachmentView key={file.id} file={file} onView={() => onView({ files, current: file.id })} />
              ))}
            </div>
          )}
          {unsent && <em className={classes.small}>{t('unsent')}</em>}
          {message.text && (
            <div className={classes.text} data-struck={unsent || undefined}>
              {/* A link to a request works in the browser that opens it first, which is to be the customer's. */}
              {message.kind === 'action' ? message.text : <Linked text={message.text} />}
            </div>
          )}
          {!unsent && <BodyView message={message} />}
          <div className={classes.foot}>
            {message.edited_at && <span>{t('edited')}</span>}
            <DateTime time={message.at} short />
            {message.direction === 'out' && <Ticks status={message.status} error={message.error} />}
          </div>
        </div>
        <MessageMenu message={message} conversation={conversation} may={may} onQuote={onQuote} onEdit={onEdit} />
      </div>
      <Reactions message={message} />
      {message.status === 'failed' && <Failed message={message} may={may} />}
    </article>
  );
}

function useAuthor(message: Message): string {
  const { t } = useTranslation('inbox');
  return message.author_name || t(`author.${message.author}`);
}

function Quote({ message }: { message: Message }) {
  const { t } = useTranslation('inbox');
  const { quote } = message;
  if (!quote) return null;
  return (
    <blockquote className={classes.quote}>
      <IconArrowBackUp size={13} aria-hidden />
      <span>
        {quote.author && <strong>{t(`author.${quote.author}`)} </strong>}
        {quote.text || t('quoteMissing')}
      </span>
    </blockquote>
  );
}

function Reactions({ message }: { message: Message }) {
  const { t } = useTranslation('inbox');
  if (!message.reactions?.length) return null;
  return (
    <ul className={classes.reactions} aria-label={t('reactions')}>
      {message.reactions.map((one) => (
        <li key={String(one.ours)} data-ours={one.ours || undefined}>
          {one.emoji}
          <span className="sr-only"> {one.ours ? t('author.agent') : t('author.customer')}</span>
        </li>
      ))}
    </ul>
  );
}

function Failed({ message, may }: { message: Message; may: boolean }) {
  const { t } = useTranslation('inbox');
  const why = useFailureText();
  const retry = useAct({
    act: () => retryMessage(message.conversation_id, message.id),
    nouns: ['messages', 'conversations'],
  });
  return (
    <div className={classes.failed} role="alert">
      <span>{why(message.error)}</span>
      {may && (
        <Button
          size="compact-xs"
          variant="default"
          leftSection={<IconRefresh size={13} />}
          loading={retry.isPending}
          data-action="retry"
          onClick={() => retry.mutate()}
        >
          {t('retry')}
        </Button>
      )}
    </div>
  );
}
