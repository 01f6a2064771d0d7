import { useState } from 'preact/hooks';
import { Aside } from './App';
import { errorText, useStore, useTexts } from './context';
import { Field, useForm } from './Form';
import { fill } from './texts';

export function Transcript() {
  const store = useStore();
  const t = useTexts();
  const [sent, setSent] = useState('');
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const f = useForm([{ name: 'email', kind: 'email', required: true }]);
  return (
    <Aside title={t.transcript}>
      {sent ? (
        <p role="status">{fill(t.transcriptSent, { email: sent })}</p>
      ) : (
        <form
          noValidate
          data-form="transcript"
          onSubmit={f.send(({ email = '' }) => {
            setError('');
            setBusy(true);
            store
              .transcript(email)
              .then(
                () => setSent(email),
                (e) => setError(errorText(t, e)),
              )
              .finally(() => setBusy(false));
          })}
        >
          <Field
            name="email"
            kind="email"
            label={t.mail}
            required
            value={f.answers.email ?? ''}
            error={f.wrong.email}
            onValue={f.set('email')}
          />
          {error && (
            <p class="error" role="alert">
              {error}
            </p>
          )}
          <button type="submit" class="primary" disabled={busy}>
            {t.transcriptSend}
          </button>
        </form>
      )}
    </Aside>
  );
}
