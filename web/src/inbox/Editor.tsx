import { ActionIcon, Button, FileButton, SegmentedControl, Textarea } from '@mantine/core';
import { IconPaperclip, IconSend, IconTemplate, IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import {
  type ClipboardEvent,
  type DragEvent,
  type KeyboardEvent,
  useCallback,
  useEffect,
  useRef,
  useState,
} from 'react';
import { useTranslation } from 'react-i18next';
import { useAct } from '../api/useSave';
import { useMe } from '../app/session';
import type { ComposerProps } from './Composer';
import { Counter } from './Counter';
import { fill, matching, wordAt } from './canned';
import { mentionedIn, useColleagues } from './colleagues';
import classes from './composer.module.css';
import { useDraft } from './drafts';
import { usePersonName } from './name';
import { cannedQuery } from './queries';
import { editMessage } from './routes';
import { type Suggestion, Suggestions } from './Suggestions';
import { Tray } from './Tray';
import type { Attachment } from './types';
import { useUploads } from './uploads';
import { useOutbox } from './useOutbox';
import { useTellTyping } from './useTellTyping';

type Props = ComposerProps & { notesOnly: boolean; onTemplate: () => void };

/** The box that one writes in: messages, notes and corrections. */
export function Editor(props: Props) {
  const { t } = useTranslation(['inbox', 'common']);
  const { conversation, editing, onEdit, notesOnly } = props;
  const me = useMe();
  const outbox = useOutbox();
  const [draft, change, clear] = useDraft(me.id, conversation.id);
  const [corrected, setCorrected] = useState('');
  useEffect(() => setCorrected(editing?.text ?? ''), [editing]);
  const note = !editing && (notesOnly || draft.note);
  const text = editing ? corrected : draft.text;
  const field = useRef<HTMLTextAreaElement>(null);
  const type = useTellTyping(conversation, !note && !editing);
  const colleagues = useColleagues();
  const attachments = draft.attachments;
  const latest = useRef(attachments);
  latest.current = attachments;
  const arrived = useCallback(
    (attachment: Attachment) => change({ attachments: [...latest.current, attachment] }),
    [change],
  );
  const { uploads, add } = useUploads(arrived);
  const quote = useQuote(props, draft.quote, change);
  const write = (value: string) => {
    if (editing) setCorrected(value);
    // What was begun as a note stays one, whatever may be written meanwhile.
    else change({ text: value, note });
    type(value !== '');
  };
  const save = useAct<string>({
    act: (value) => editMessage(conversation.id, editing?.id ?? '', value),
    nouns: ['messages'],
    done: () => onEdit(undefined),
  });
  const ready = text.trim() !== '' || (!note && !editing && attachments.length > 0);
  const send = () => {
    if (!ready || uploads.some((one) => !one.failed)) return;
    if (editing) {
      save.mutate(text.trim());
      return;
    }
    outbox.add({
      client_id: crypto.randomUUID(),
      conversation: conversation.id,
      kind: note ? 'note' : 'message',
      text: text.trim(),
      at: new Date().toISOString(),
      attachments: note ? [] : attachments,
      ...(quote && !note ? { quote } : {}),
      ...(note ? { mentions: mentionedIn(text, colleagues) } : {}),
      state: 'waiting',
    });
    type(false);
    clear();
    props.onQuote(undefined);
  };
  const suggest = useSuggestions(props, note, text, write, field);
  const pressed = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    // While letters are composed, Enter chooses among them.
    if (event.nativeEvent.isComposing) return;
    if (suggest.onKey(event)) return;
    if (event.key === 'Escape' && editing) onEdit(undefined);
    if (event.key === 'Enter' && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      send();
    }
  };
  const files = !note && !editing;
  const dropped = (event: DragEvent) => {
    if (!files || event.dataTransfer.files.length === 0) return;
    event.preventDefault();
    add(event.dataTransfer.files);
  };
  const pasted = (event: ClipboardEvent) => {
    if (!files || event.clipboardData.files.length === 0) return;
    event.preventDefault();
    add(event.clipboardData.files);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: files may be dropped here; the button beside does the same
    <div
      className={classes.editor}
      data-note={note || undefined}
      onDrop={dropped}
      onDragOver={(event) => files && event.preventDefault()}
    >
      {editing && <Bar label={t('editing')} text={editing.text} onClose={() => onEdit(undefined)} />}
      {quote && !note && !editing && (
        <Bar
          label={t('quoting')}
          text={quote.text || t('noText')}
          onClose={() => {
            props.onQuote(undefined);
            change({ quote: undefined as never });
          }}
        />
      )}
      {files && (
        <Tray
          uploads={uploads}
          attachments={attachments}
          onRemove={(id) => change({ attachments: attachments.filter((file) => file.id !== id) })}
        />
      )}
      <Suggestions {...suggest.shown} />
      <Textarea
        ref={(element) => {
          field.current = element;
          if (typeof props.ref === 'function') props.ref(element);
          else if (props.ref) props.ref.current = element;
        }}
        aria-label={note ? t('writeNote') : t('write')}
        placeholder={note ? t('notePlaceholder') : t('placeholder')}
        autosize
        minRows={2}
        maxRows={9}
        variant="unstyled"
        className={classes.field}
        value={text}
        onChange={(event) => write(event.currentTarget.value)}
        onKeyDown={pressed}
        onPaste={pasted}
        onBlur={() => type(false)}
        onSelect={suggest.onCaret}
        {...suggest.aria}
        data-field="message"
      />
      <div className={classes.bar}>
        <SegmentedControl
          size="xs"
          aria-label={t('mode')}
          data={[
            { value: 'message', label: t('reply'), disabled: notesOnly },
            { value: 'note', label: t('note') },
          ]}
          value={note ? 'note' : 'message'}
          disabled={editing !== undefined}
          onChange={(value) => {
            change({ note: value === 'note' });
            field.current?.focus();
          }}
          data-part="mode"
        />
        {files && (
          <FileButton onChange={add} multiple>
            {(button) => (
              <ActionIcon variant="subtle" color="gray" aria-label={t('attach')} title={t('attach')} {...button}>
                <IconPaperclip size={18} />
              </ActionIcon>
            )}
          </FileButton>
        )}
        {files && conversation.composer?.traits.templates && (
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={t('chooseTemplate')}
            title={t('chooseTemplate')}
            onClick={props.onTemplate}
          >
            <IconTemplate size={18} />
          </ActionIcon>
        )}
        <span className={classes.room} />
        {!note && <Counter text={text} channel={conversation.channel} traits={conversation.composer?.traits} />}
        <Button
          size="compact-md"
          leftSection={<IconSend size={15} />}
          disabled={!ready || uploads.some((one) => !one.failed)}
          loading={save.isPending}
          data-action="send"
          onClick={send}
        >
          {editing ? t('common:save') : note ? t('addNote') : t('send')}
        </Button>
      </div>
    </div>
  );
}

function Bar({ label, text, onClose }: { label: string; text: string; onClose: () => void }) {
  const { t } = useTranslation('common');
  return (
    <div className={classes.quoteBar}>
      <div>
        <strong>{label}</strong>
        <div>{text}</div>
      </div>
      <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t('cancel')} onClick={onClose}>
        <IconX size={14} />
      </ActionIcon>
    </div>
  );
}

/** The message that is answered: kept with the draft. */
function useQuote(
  { quote }: Props,
  kept: { id: string; text: string } | undefined,
  change: (part: { quote: { id: string; text: string } }) => void,
) {
  useEffect(() => {
    if (quote) change({ quote: { id: quote.id, text: quote.text.slice(0, 200) } });
  }, [quote, change]);
  return kept;
}

/** What is offered while a shortcut or a name is typed. */
function useSuggestions(
  { conversation }: Props,
  note: boolean,
  text: string,
  write: (text: string) => void,
  field: { current: HTMLTextAreaElement | null },
) {
  const { t } = useTranslation('inbox');
  const me = useMe();
  const personName = usePersonName();
  const colleagues = useColleagues();
  const [caret, setCaret] = useState(0);
  const [index, setIndex] = useState(0);
  const [closed, setClosed] = useState('');
  const slash = note ? undefined : wordAt(text, caret, '/');
  const at = note ? wordAt(text, caret, '@') : undefined;
  const canned = useQuery({ ...cannedQuery, enabled: slash !== undefined });
  const found = slash ?? at;
  const values = {
    customer: personName(conversation),
    agent: me.name,
    queue: conversation.queue_path?.[conversation.queue_path.length - 1] ?? '',
    channel: t(`channels.${conversation.channel}`, conversation.channel),
    account: conversation.account.label,
  };
  let list: Suggestion[] = [];
  if (slash)
    list = matching(canned.data ?? [], slash.word, conversation.language, conversation.queue_id).map((one) => ({
      id: one.id,
      name: `/${one.shortcut}`,
      hint: one.title || one.text,
      insert: fill(one.text, values),
    }));
  if (at)
    list = colleagues
      .filter((one) => one.name.toLowerCase().includes(at.word.toLowerCase()))
      .slice(0, 8)
      .map((one) => ({ id: one.id, name: one.name, hint: '', insert: `@${one.name} ` }));
  const key = found ? `${found.start} ${found.word}` : '';
  const shown = found && list.length > 0 && closed !== key ? list : [];
  const current = Math.min(index, shown.length - 1);
  const choose = (one: Suggestion) => {
    if (!found) return;
    const before = text.slice(0, found.start) + one.insert;
    write(before + text.slice(caret));
    setIndex(0);
    requestAnimationFrame(() => {
      field.current?.focus();
      field.current?.setSelectionRange(before.length, before.length);
    });
  };
  const onKey = (event: KeyboardEvent): boolean => {
    const one = shown[current];
    if (!one) return false;
    if (event.key === 'ArrowDown') setIndex((current + 1) % shown.length);
    else if (event.key === 'ArrowUp') setIndex((current + shown.length - 1) % shown.length);
    else if (event.key === 'Escape') setClosed(key);
    else if (event.key === 'Enter' || event.key === 'Tab') choose(one);
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  };
  return {
    shown: { list: shown, current, onChoose: choose, label: slash ? t('canned') : t('colleagues') },
    onKey,
    onCaret: (event: { currentTarget: HTMLTextAreaElement }) => setCaret(event.currentTarget.selectionStart),
    aria: shown[current]
      ? {
          'aria-autocomplete': 'list' as const,
          'aria-controls': 'suggestions',
          'aria-activedescendant': `suggestion-${current}`,
        }
      : {},
  };
}
