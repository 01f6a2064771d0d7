import { useEffect, useRef, useState } from 'preact/hooks';
import type { Slot } from '../protocol';
import { Aside } from './App';
import { errorText, useStore, useTexts, useWidget } from './context';
import { Field, useForm } from './Form';
import { when } from './Status';
import { fill } from './texts';

export function Callback() {
  const t = useTexts();
  return (
    <Aside title={t.callback}>
      <BookForm />
    </Aside>
  );
}

/** Lets the customer choose when to be called. */
export function BookForm() {
  const store = useStore();
  const { language } = useWidget();
  const t = useTexts();
  const [slots, setSlots] = useState<Slot[] | null>(null);
  const [at, setAt] = useState('');
  const [booked, setBooked] = useState<Slot | null>(null);
  const [error, setError] = useState('');
  const choice = useRef<HTMLSelectElement>(null);
  const f = useForm([{ name: 'number', kind: 'tel', required: true }]);
  useEffect(() => {
    store.slots().then(setSlots, (e) => setError(errorText(t, e)));
  }, [store, t]);
  useEffect(() => {
    if (slots) choice.current?.focus(); // what was pressed to get here is gone
  }, [slots]);
  if (booked) return <p role="status">{fill(t.booked, { at: when(booked.at, language) })}</p>;
  if (error && !slots) return <p role="alert">{error}</p>;
  if (!slots) return <p role="status">{t.connecting}</p>;
  if (slots.length === 0) return <p>{t.noSlots}</p>;
  return (
    <form
      noValidate
      data-form="callback"
      onSubmit={f.send(({ number }) => {
        setError('');
        store
          .book(at || (slots[0]?.at ?? ''), number ?? '', store.state.name)
          .then(setBooked, (e) => setError(errorText(t, e)));
      })}
    >
      <div class="field">
        <label for="slot">{t.slot}</label>
        <select id="slot" ref={choice} value={at || slots[0]?.at} onChange={(e) => setAt(e.currentTarget.value)}>
          {slots.slice(0, 60).map((s) => (
            <option key={s.at} value={s.at}>
              {when(s.at, language)}
            </option>
          ))}
        </select>
      </div>
      <Field
        name="number"
        kind="tel"
        label={t.number}
        required
        value={f.answers.number ?? ''}
        error={f.wrong.number}
        onValue={f.set('number')}
      />
      {error && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
      <button type="submit" class="primary">
        {t.book}
      </button>
    </form>
  );
}
