import { useState } from 'preact/hooks';
import type { FormField } from '../protocol';
import { useStore, useTexts, useWidget } from './context';

const email = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;

export interface FieldProps {
  name: string;
  kind: FormField['kind'] | 'area';
  label: string;
  value: string;
  error?: string;
  required?: boolean;
  options?: string[];
  onValue: (value: string) => void;
}

export function Field(p: FieldProps) {
  const t = useTexts();
  const id = `field-${p.name}`;
  const common = {
    id,
    name: p.name,
    value: p.value,
    'aria-invalid': p.error ? true : undefined,
    'aria-describedby': p.error ? `${id}-error` : undefined,
    'aria-required': p.required,
  };
  return (
    <div class="field">
      <label for={id}>
        {p.label}
        {p.required && <span aria-hidden="true"> *</span>}
      </label>
      {p.kind === 'area' ? (
        <textarea {...common} rows={4} maxLength={4000} onInput={(e) => p.onValue(e.currentTarget.value)} />
      ) : p.kind === 'select' ? (
        <select {...common} onChange={(e) => p.onValue(e.currentTarget.value)}>
          <option value="">{t.select}</option>
          {p.options?.map((o) => (
            <option key={o} value={o}>
              {o}
            </option>
          ))}
        </select>
      ) : (
        <input
          {...common}
          type={p.kind as 'text'}
          maxLength={200}
          autocomplete={p.kind === 'email' ? 'email' : p.kind === 'tel' ? 'tel' : p.name === 'name' ? 'name' : 'off'}
          onInput={(e) => p.onValue(e.currentTarget.value)}
        />
      )}
      {p.error && (
        <p class="error" id={`${id}-error`}>
          {p.error}
        </p>
      )}
    </div>
  );
}

/** What is wrong with answers, by the fields' names. */
export function faults(
  fields: { name: string; kind: string; required?: boolean }[],
  answers: Record<string, string>,
  t: { required: string; email: string },
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const f of fields) {
    const answer = (answers[f.name] ?? '').trim();
    if (!answer && f.required) found[f.name] = t.required;
    else if (answer && f.kind === 'email' && !email.test(answer)) found[f.name] = t.email;
  }
  return found;
}

/** Keeps a form's answers, and says what is wrong once somebody wants to send it. */
export function useForm(fields: { name: string; kind: string; required?: boolean }[]) {
  const t = useTexts();
  const [answers, setAnswers] = useState<Record<string, string>>({});
  const [wrong, setWrong] = useState<Record<string, string>>({});
  return {
    answers,
    wrong,
    set: (name: string) => (value: string) => {
      setAnswers((was) => ({ ...was, [name]: value }));
      setWrong(({ [name]: _, ...rest }) => rest);
    },
    send: (then: (answers: Record<string, string>) => void) => (e: Event) => {
      e.preventDefault();
      const found = faults(fields, answers, t);
      setWrong(found);
      const first = Object.keys(found)[0];
      if (first) document.getElementById(`field-${first}`)?.focus();
      else then(Object.fromEntries(Object.entries(answers).map(([k, v]) => [k, v.trim()])));
    },
  };
}

/** What the site asks before the first message. */
export function PreChat() {
  const store = useStore();
  const { language } = useWidget();
  const t = useTexts();
  const { form, texts } = store.config;
  const f = useForm(form);
  return (
    <form class="aside" onSubmit={f.send((a) => store.answer(a))} noValidate data-form="prechat">
      <p class="greeting">{texts[language]?.greeting || t.greeting}</p>
      {form.map((field) => (
        <Field
          key={field.name}
          {...field}
          label={field.labels?.[language] ?? field.labels?.en ?? field.name}
          value={f.answers[field.name] ?? ''}
          error={f.wrong[field.name]}
          onValue={f.set(field.name)}
        />
      ))}
      <button type="submit" class="primary">
        {t.start}
      </button>
    </form>
  );
}
