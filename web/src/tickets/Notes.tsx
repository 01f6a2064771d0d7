import { Button, Textarea } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { useSave } from '../api/useSave';
import { usePeople } from '../app/people';
import { useCan } from '../app/session';
import { ErrorNotice } from '../ui/ErrorNotice';
import { Section } from '../ui/Page';
import { DateTime } from '../ui/time';
import classes from './tickets.module.css';

export function Notes({ ticket }: { ticket: Schema['TicketPage'] }) {
  const { t } = useTranslation('crm');
  const can = useCan();
  const { nameOf } = usePeople();
  const [text, setText] = useState('');
  const add = useSave({
    save: () =>
      body(api.POST('/api/v1/tickets/{id}/notes', { params: { path: { id: ticket.id } }, body: { body: text } })),
    nouns: ['tickets'],
    done: () => setText(''),
    quiet: true,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim()) add.mutate();
  };
  return (
    <Section title={t('ticket.notes')}>
      <div className={classes.panel}>
        {ticket.notes.length === 0 && <div className="quiet">{t('ticket.noNotes')}</div>}
        {ticket.notes.map((note) => (
          <article key={note.id} className={classes.note}>
            <div className={classes.noteHead}>
              <strong>{nameOf(note.author) || t('ticket.system')}</strong>
              <span className="quiet">
                <DateTime time={note.created_at} short />
              </span>
            </div>
            <p>{note.body}</p>
          </article>
        ))}
        {can('write', 'tickets') && (
          <form onSubmit={submit} style={{ marginTop: 12 }}>
            <Textarea
              aria-label={t('ticket.addNote')}
              placeholder={t('ticket.notePlaceholder')}
              autosize
              minRows={2}
              maxRows={10}
              value={text}
              onChange={(event) => setText(event.currentTarget.value)}
            />
            {add.error && <ErrorNotice error={add.error} m="xs" />}
            <Button type="submit" mt="xs" variant="default" loading={add.isPending} disabled={!text.trim()}>
              {t('ticket.noteAdd')}
            </Button>
          </form>
        )}
      </div>
    </Section>
  );
}
