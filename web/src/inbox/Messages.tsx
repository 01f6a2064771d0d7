import { ActionIcon, Loader, Skeleton } from '@mantine/core';
import { IconArrowDown } from '@tabler/icons-react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type RefObject, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ErrorNotice } from '../ui/ErrorNotice';
import { EmptyState } from '../ui/Page';
import { DayLine, UnreadLine } from './Lines';
import { useTyping } from './live';
import { MediaViewer, type Viewed } from './MediaViewer';
import { MessageLine } from './MessageLine';
import type { useThread } from './queries';
import { SendingLine } from './SendingLine';
import { type Line, linesOf } from './thread';
import classes from './thread.module.css';
import type { Conversation, Message } from './types';
import { useSendings } from './useOutbox';

// As near as this to the end of the conversation is at its end, in pixels.
const AT_END = 60;
// As near to its beginning the older messages are asked for.
const NEAR_START = 400;

interface Props {
  conversation: Conversation;
  thread: ReturnType<typeof useThread>;
  unreadFrom: number | undefined;
  /** Called when the newest message is in sight. */
  onEnd: () => void;
  /** Reactions, edits and retries are for those whose conversation it is. */
  may: boolean;
  onQuote?: (message: Message) => void;
  onEdit?: (message: Message) => void;
}

type Entry = Line | { kind: 'sending'; key: string; client: string };

/** The messages of a conversation, the newest at the bottom; of a long one only what is in sight is drawn. */
export function Messages(props: Props) {
  const { t } = useTranslation('inbox');
  const { thread } = props;
  if (!thread.data) {
    return (
      <div className={classes.thread}>
        {thread.error ? (
          <ErrorNotice error={thread.error} onRetry={() => void thread.refetch()} m="md" />
        ) : (
          <div className={classes.waiting} aria-busy>
            {[60, 42, 70].map((width) => (
              <Skeleton key={width} height={44} width={`${width}%`} radius={12} />
            ))}
          </div>
        )}
      </div>
    );
  }
  if (thread.data.messages.length === 0 && thread.data.whole) return <Empty {...props} text={t('noMessages')} />;
  return <Scroller {...props} />;
}

function Empty({ conversation, text }: Props & { text: string }) {
  const sendings = useSendings(conversation.id);
  return (
    <div className={classes.thread}>
      {sendings.length === 0 && <EmptyState title={text} />}
      {sendings.map((one) => (
        <SendingLine key={one.client_id} sending={one} />
      ))}
    </div>
  );
}

function Scroller({ conversation, thread, unreadFrom, onEnd, may, onQuote, onEdit }: Props) {
  const { t } = useTranslation('inbox');
  const messages = thread.data?.messages ?? [];
  const sendings = useUnsent(conversation.id, messages);
  const entries = useMemo((): Entry[] => {
    const lines: Entry[] = linesOf(messages, unreadFrom);
    for (const one of sendings) lines.push({ kind: 'sending', key: one.client_id, client: one.client_id });
    return lines;
  }, [messages, unreadFrom, sendings]);
  const scroller = useRef<HTMLDivElement>(null);
  const [viewed, setViewed] = useState<Viewed>();
  const virtual = useVirtualizer({
    count: entries.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => (entries[index]?.kind === 'message' ? 62 : 40),
    getItemKey: (index) => entries[index]?.key ?? index,
    overscan: 10,
    anchorTo: 'end',
    paddingStart: 12,
    paddingEnd: 12,
  });

  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the conversation is opened
  useLayoutEffect(() => {
    virtual.scrollToIndex(entries.length - 1, { align: 'end' });
  }, []);

  const [atEnd, setAtEnd] = useState(true);
  useStayAtEnd(scroller, atEnd, virtual.getTotalSize());
  const [loading, setLoading] = useState(false);
  const { older } = thread;
  const whole = thread.data?.whole ?? true;
  const scrolled = () => {
    const box = scroller.current;
    if (!box) return;
    setAtEnd(box.scrollHeight - box.scrollTop - box.clientHeight < AT_END);
    if (box.scrollTop > NEAR_START || whole || loading) return;
    setLoading(true);
    void older()
      .catch(() => undefined) // scrolling on asks again
      .finally(() => setLoading(false));
  };
  const last = messages[messages.length - 1]?.seq;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new last message is to be told as well
  useEffect(() => {
    if (atEnd) onEnd();
  }, [atEnd, last, onEnd]);
  // What one has written oneself is looked at, wherever one was.
  const mine = sendings.length;
  const before = useRef(mine);
  useEffect(() => {
    if (mine > before.current) virtual.scrollToIndex(entries.length - 1, { align: 'end' });
    before.current = mine;
  }, [mine, entries.length, virtual]);

  return (
    <div className={classes.frame}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <div ref={scroller} className={classes.thread} onScroll={scrolled} tabIndex={0} data-part="messages">
        {loading && (
          <div className={classes.loading}>
            <Loader size={16} aria-label={t('loadingOlder')} />
          </div>
        )}
        <ol
          className={classes.lines}
          style={{ height: virtual.getTotalSize() }}
          aria-label={t('messages')}
          data-whole={whole || undefined}
        >
          {virtual.getVirtualItems().map(({ index, start, key }) => {
            const entry = entries[index];
            if (!entry) return null;
            return (
              <li
                key={String(key)}
                ref={virtual.measureElement}
                data-index={index}
                style={{ transform: `translateY(${start}px)` }}
              >
                {entry.kind === 'day' ? (
                  <DayLine at={entry.at} />
                ) : entry.kind === 'unread' ? (
                  <UnreadLine />
                ) : entry.kind === 'sending' ? (
                  <Pending list={sendings} client={entry.client} />
                ) : (
                  <MessageLine
                    message={entry.message}
                    album={entry.album}
                    first={entry.first}
                    conversation={conversation}
                    may={may}
                    onQuote={onQuote}
                    onEdit={onEdit}
                    onView={setViewed}
                  />
                )}
              </li>
            );
          })}
        </ol>
        <TypingLine conversation={conversation.id} />
      </div>
      {!atEnd && (
        <ActionIcon
          className={classes.toEnd}
          variant="default"
          radius="xl"
          size={36}
          aria-label={t('toEnd')}
          onClick={() => virtual.scrollToIndex(entries.length - 1, { align: 'end' })}
        >
          <IconArrowDown size={17} />
        </ActionIcon>
      )}
      <Announcer messages={messages} />
      <MediaViewer viewed={viewed} onView={setViewed} />
    </div>
  );
}

/** Keeps the end in sight when the last message grows, or the room for all of them shrinks. */
function useStayAtEnd(scroller: RefObject<HTMLDivElement | null>, atEnd: boolean, size: number): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: each time that the lines are taller or shorter
  useLayoutEffect(() => {
    const box = scroller.current;
    if (!box || !atEnd) return;
    const down = () => {
      box.scrollTop = box.scrollHeight;
    };
    down();
    const observer = new ResizeObserver(down);
    observer.observe(box);
    return () => observer.disconnect();
  }, [scroller, atEnd, size]);
}

function Pending({ list, client }: { list: ReturnType<typeof useSendings>; client: string }) {
  const sending = list.find((one) => one.client_id === client);
  return sending ? <SendingLine sending={sending} /> : null;
}

/** What is on its way and not among the messages yet. */
function useUnsent(conversation: string, messages: Message[]) {
  const sendings = useSendings(conversation);
  return useMemo(() => {
    if (sendings.length === 0) return sendings;
    const known = new Set(messages.map((m) => m.client_id));
    return sendings.filter((one) => !known.has(one.client_id));
  }, [sendings, messages]);
}

function TypingLine({ conversation }: { conversation: string }) {
  const { t } = useTranslation('inbox');
  const typing = useTyping(conversation);
  return (
    <div className={classes.typing} role="status" data-on={typing || undefined}>
      {typing && (
        <>
          <span className={classes.dots} aria-hidden>
            <i />
            <i />
            <i />
          </span>
          {t('typing')}
        </>
      )}
    </div>
  );
}

/** Says new messages of the customer to screen readers. */
function Announcer({ messages }: { messages: Message[] }) {
  const { t } = useTranslation('inbox');
  const last = messages[messages.length - 1];
  const [first] = useState(last?.seq ?? 0);
  const said =
    last && last.seq > first && last.direction === 'in' ? t('saidBy', { text: last.text || t('noText') }) : '';
  return (
    <div className="sr-only" aria-live="polite">
      {said}
    </div>
  );
}
