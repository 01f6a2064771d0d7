import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { usePeople } from '../app/people';
import { useCan } from '../app/session';
import { NoteForm } from '../ui/NoteForm';
import { Section } from '../ui/Page';
import { DateTime } from '../ui/time';
import classes from './tickets.module.css';

export function Notes({ ticket }: { ticket: Schema['TicketPage'] }) {
  const { t } = useTranslation('crm');
  const can = useCan();
  const { nameOf } = usePeople();
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
          <NoteForm
            label={t('ticket.addNote')}
            placeholder={t('ticket.notePlaceholder')}
            action={t('ticket.noteAdd')}
            save={(text) =>
              body(
                api.POST('/api/v1/tickets/{id}/notes', { params: { path: { id: ticket.id } }, body: { body: text } }),
              )
            }
            nouns={['tickets']}
          />
        )}
      </div>
    </Section>
  );
}
