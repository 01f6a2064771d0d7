import { ActionIcon } from '@mantine/core';
import { IconTrash } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, body } from '../api/client';
import { useAct } from '../api/useSave';
import { usePeople } from '../app/people';
import { useCan, useMe } from '../app/session';
import { useConfirm } from '../ui/confirm';
import { ErrorNotice } from '../ui/ErrorNotice';
import { MoreButton } from '../ui/MoreButton';
import { NoteForm } from '../ui/NoteForm';
import { DateTime } from '../ui/time';
import classes from './contacts.module.css';
import { contactNotesQuery } from './queries';

/** Notes on a contact, and the field for another. */
export function ContactNotes({ contact }: { contact: string }) {
  const { t } = useTranslation('contacts');
  const can = useCan();
  const me = useMe();
  const confirm = useConfirm();
  const { nameOf } = usePeople();
  const notes = useInfiniteQuery(contactNotesQuery(contact));
  const all = notes.data?.pages.flatMap((page) => page.items) ?? [];
  const remove = useAct({
    act: (note: string) =>
      api.DELETE('/api/v1/contacts/{id}/notes/{note}', { params: { path: { id: contact, note } } }),
    nouns: ['contacts'],
  });
  return (
    <>
      {can('write', 'contacts') && (
        <NoteForm
          label={t('note')}
          placeholder={t('notePlaceholder')}
          action={t('addNote')}
          save={(text) =>
            body(api.POST('/api/v1/contacts/{id}/notes', { params: { path: { id: contact } }, body: { body: text } }))
          }
          nouns={['contacts']}
        />
      )}
      {notes.error && !notes.data && <ErrorNotice error={notes.error} onRetry={notes.refetch} />}
      {notes.data && all.length === 0 && <p className="quiet">{t('noNotes')}</p>}
      <ol className={classes.timeline}>
        {all.map((note) => (
          <li key={note.id}>
            <div className={classes.happened}>
              <div className={classes.head}>
                <strong>{nameOf(note.author)}</strong>
                <span className="quiet">
                  <DateTime time={note.created_at} short />
                </span>
              </div>
              <div className={classes.note}>{note.body}</div>
            </div>
            {can('write', 'contacts') && (note.author === me.id || can('delete', 'contacts')) && (
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label={t('removeNote')}
                onClick={() =>
                  confirm({
                    title: t('removeNote'),
                    text: t('removeNoteText'),
                    action: t('remove'),
                    onConfirm: () => remove.mutate(note.id),
                  })
                }
              >
                <IconTrash size={15} aria-hidden />
              </ActionIcon>
            )}
          </li>
        ))}
      </ol>
      <MoreButton query={notes} />
    </>
  );
}
