import { useState } from 'preact/hooks';
import type { Conversation } from '../protocol';
import { errorText, useStore, useTexts } from './context';
import { fill } from './texts';

/** Asks how it was, once the conversation has ended. */
export function Rating({ conversation: c }: { conversation: Conversation }) {
  const store = useStore();
  const t = useTexts();
  const [score, setScore] = useState(0);
  const [comment, setComment] = useState('');
  const [error, setError] = useState('');
  const [done, setDone] = useState(false);
  if (!store.config.features.csat) return <p class="event">{t.ended}</p>;
  if (done || c.rating)
    return (
      <p class="event" role="status">
        {t.ended} {t.rated}
      </p>
    );
  return (
    <form
      class="rating"
      data-form="rating"
      onSubmit={(e) => {
        e.preventDefault();
        store.rate(c.id, score, comment.trim()).then(
          () => setDone(true),
          (err) => setError(errorText(t, err)),
        );
      }}
    >
      <p class="event">{t.ended}</p>
      <fieldset>
        <legend>{t.rate}</legend>
        {[1, 2, 3, 4, 5].map((n) => (
          <label key={n} class={n <= score ? 'star on' : 'star'}>
            <input
              type="radio"
              name="score"
              value={n}
              checked={score === n}
              aria-label={fill(t.stars, { n })}
              onChange={() => setScore(n)}
            />
            <span aria-hidden="true">{n <= score ? '★' : '☆'}</span>
          </label>
        ))}
      </fieldset>
      {score > 0 && (
        <>
          <textarea
            rows={2}
            maxLength={1000}
            aria-label={t.comment}
            placeholder={t.comment}
            value={comment}
            onInput={(e) => setComment(e.currentTarget.value)}
          />
          <button type="submit" class="primary">
            {t.rateSend}
          </button>
        </>
      )}
      {error && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
    </form>
  );
}
