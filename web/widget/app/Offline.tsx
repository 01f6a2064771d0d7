import { useState } from 'preact/hooks';
import type { Offering } from '../protocol';
import { BookForm } from './Callback';
import { useStore, useTexts, useWidget } from './context';
import { Field, useForm } from './Form';
import { when } from './Status';
import { fill } from './texts';

/** What is on offer while nobody is there: only what is chosen for the queue. */
export function AfterHours({ offering }: { offering: Offering }) {
  const store = useStore();
  const { language } = useWidget();
  const t = useTexts();
  const [books, setBooks] = useState(false);
  return (
    <main class="aside" data-offering="closed">
      <p class="greeting">{offering.message || t.closedNow}</p>
      {offering.opens_at && <p>{fill(t.opens, { at: when(offering.opens_at, language) })}</p>}
      {offering.options.map((o) => (
        <div key={o.kind} data-option={o.kind}>
          {o.kind === 'email' && (
            <p>
              {t.write} <a href={`mailto:${o.address}`}>{o.address}</a>
            </p>
          )}
          {o.kind === 'scheduled_call' &&
            store.config.features.callback &&
            (books ? (
              <BookForm />
            ) : (
              <button type="button" class="primary" onClick={() => setBooks(true)}>
                {t.callback}
              </button>
            ))}
        </div>
      ))}
      {store.config.offline && <Leave />}
    </main>
  );
}

const fields = [
  { name: 'name', kind: 'text', required: true },
  { name: 'email', kind: 'email', required: true },
  { name: 'message', kind: 'area', required: true },
] as const;

function Leave() {
  const store = useStore();
  const { language } = useWidget();
  const t = useTexts();
  const f = useForm([...fields]);
  const labels: Record<string, string> = { name: t.name, email: t.mail, message: t.message };
  return (
    <form
      class="leave"
      noValidate
      data-form="offline"
      onSubmit={f.send(({ message, ...who }) => {
        store.answer(who);
        store.say({ text: message ?? '', attachments: [] });
      })}
    >
      <p>{store.config.texts[language]?.offline || t.leave}</p>
      {fields.map((field) => (
        <Field
          key={field.name}
          {...field}
          label={labels[field.name] ?? ''}
          value={f.answers[field.name] ?? ''}
          error={f.wrong[field.name]}
          onValue={f.set(field.name)}
        />
      ))}
      <button type="submit" class="primary">
        {t.leaveSend}
      </button>
    </form>
  );
}
