import { type FormEvent, useId, useState } from 'react';
import { Problem } from '../api/problem';
import { finish } from './link';
import { type Text, useTexts } from './texts';

const MOST = 2000;

/** A text that the customer writes. */
export function Words({ done, failed }: { done: () => void; failed: (why: unknown) => boolean }) {
  const t = useTexts();
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Text>();
  const id = useId();
  const left = MOST - [...text].length;
  const send = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await finish(text);
      done();
    } catch (why) {
      setBusy(false);
      if (!failed(why)) setError(why instanceof Problem ? 'failed' : 'network');
    }
  };
  return (
    <form onSubmit={send}>
      <label htmlFor={id}>{t('yourText')}</label>
      <textarea
        id={id}
        rows={6}
        value={text}
        aria-describedby={`${id}-left`}
        aria-invalid={left < 0}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <p id={`${id}-left`} className={left < 0 ? 'error small' : 'quiet small'}>
        {t('textHint', { left })}
      </p>
      {error && (
        <p className="error" role="alert">
          {t(error)}
        </p>
      )}
      <button type="submit" className="primary" data-action="send" disabled={busy || text.trim() === '' || left < 0}>
        {t('send')}
      </button>
    </form>
  );
}
