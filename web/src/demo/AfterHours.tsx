import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { customerSlotsQuery } from '../api/queries';
import { useErrorText } from '../ui/errorText';
import classes from './demo.module.css';

/** What the page offers while nobody can be called: only what is chosen for it. */
export function AfterHours(props: { number: string; caller: string; offering: Schema['Offering'] }) {
  const { t, i18n } = useTranslation('demo');
  const { message, options, opens_at: opens } = props.offering;
  return (
    <section className={classes.closed} aria-label={t('closed')} data-offering="closed">
      <p>{message || t('closed')}</p>
      {opens && (
        <p>
          {t('opens', {
            at: new Intl.DateTimeFormat(i18n.language, { dateStyle: 'medium', timeStyle: 'short' }).format(
              new Date(opens),
            ),
          })}
        </p>
      )}
      {options.map((option) => (
        <div key={option.kind} data-option={option.kind}>
          {option.kind === 'email' && (
            <p>
              {t('write')} <a href={`mailto:${option.address}`}>{option.address}</a>
            </p>
          )}
          {option.kind === 'scheduled_call' && <Schedule number={props.number} caller={props.caller} />}
        </div>
      ))}
    </section>
  );
}

function Schedule({ number, caller }: { number: string; caller: string }) {
  const { t, i18n } = useTranslation('demo');
  const [own, setOwn] = useState('');
  const [slot, setSlot] = useState('');
  const { data: slots } = useQuery(customerSlotsQuery(number));
  const book = useMutation({
    mutationFn: () =>
      body(api.POST('/api/v1/customer/callbacks', { body: { to: number, number: own.trim(), name: caller, slot } })),
  });
  const failed = useErrorText(book.error);
  const when = new Intl.DateTimeFormat(i18n.language, { dateStyle: 'full', timeStyle: 'short' });
  if (book.data) return <p role="status">{t('scheduled', { at: when.format(new Date(book.data.at)) })}</p>;
  if (!slots) return null;
  if (slots.length === 0) return <p>{t('noSlots')}</p>;
  return (
    <>
      <label className={classes.field}>
        {t('slot')}
        <select value={slot} onChange={(e) => setSlot(e.currentTarget.value)}>
          <option value="">{t('chooseSlot')}</option>
          {slots.slice(0, 40).map((each) => (
            <option key={each.at} value={each.at}>
              {when.format(new Date(each.at))}
            </option>
          ))}
        </select>
      </label>
      <label className={classes.field}>
        {t('ownNumber')}
        <input type="tel" autoComplete="tel" value={own} onChange={(e) => setOwn(e.currentTarget.value)} />
      </label>
      {book.error && <p role="alert">{failed}</p>}
      <button
        type="button"
        className={classes.call}
        disabled={!slot || !own.trim() || book.isPending}
        onClick={() => book.mutate()}
      >
        {t('schedule')}
      </button>
    </>
  );
}
