import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { customerOptionsQuery } from '../api/queries';
import { LanguageSwitch } from '../login/LanguageSwitch';
import { Phone } from '../phone/phone';
import { PhoneProvider } from '../phone/react';
import { AfterHours } from './AfterHours';
import { Dialler } from './Dialler';
import classes from './demo.module.css';

/** A shop's help page as its customer sees it, with a telephone in it. */
export function Demo() {
  const { t, i18n } = useTranslation('demo');
  useWidget(i18n.language);
  const [caller, setCaller] = useState('');
  const [phone, setPhone] = useState<Phone | null>(null);
  const start = () => {
    const scheme = window.location.protocol === 'https:' ? 'wss' : 'ws';
    setPhone(
      new Phone({
        url: `${scheme}://${window.location.host}/ws`,
        persistent: false,
        credentials: () => Promise.resolve({ customer: true, name: caller.trim() }),
      }),
    );
  };
  return (
    <div className={classes.page}>
      <header className={classes.header}>
        <div>
          <span className={classes.brand}>{t('brand')}</span>
          <span className={classes.tagline}>{t('tagline')}</span>
        </div>
        <nav className={classes.nav} aria-label={t('nav.help')}>
          <span>{t('nav.shop')}</span>
          <span>{t('nav.repairs')}</span>
          <span aria-current="page">{t('nav.help')}</span>
        </nav>
        <LanguageSwitch />
      </header>
      <main className={classes.main}>
        <h1>{t('title')}</h1>
        <p className={classes.lead}>{t('lead')}</p>
        {phone ? (
          <PhoneProvider phone={phone}>
            <Dialler onAgain={() => setPhone(null)} />
          </PhoneProvider>
        ) : (
          <Choice caller={caller} onCaller={setCaller} onStart={start} />
        )}
      </main>
      <footer className={classes.footer}>{t('note')}</footer>
    </div>
  );
}

type Tandem = (call: string, ...args: unknown[]) => unknown;
declare global {
  interface Window {
    Tandem?: Tandem;
  }
}

/** The widget, embedded as a foreign site embeds it: one script, and what its documented interface offers. */
function useWidget(language: string): void {
  useEffect(() => {
    const script = document.createElement('script');
    script.src = '/widget.js?account=demo';
    script.async = true;
    document.head.append(script);
    return () => {
      window.Tandem?.('destroy');
      script.remove();
    };
  }, []);
  useEffect(() => {
    const speak = () => window.Tandem?.('set', { language });
    speak();
    addEventListener('tandem:ready', speak);
    return () => removeEventListener('tandem:ready', speak);
  }, [language]);
}

const NUMBERS = ['1000', '1001', '1002', '1003', '1004'];

function Choice(props: { caller: string; onCaller: (name: string) => void; onStart: () => void }) {
  const { t } = useTranslation('demo');
  const [number, setNumber] = useState(sessionStorage.getItem('tandem.demo.number') ?? '1000');
  const { data: offering } = useQuery(customerOptionsQuery(number));
  return (
    <form
      className={classes.box}
      onSubmit={(event) => {
        event.preventDefault();
        sessionStorage.setItem('tandem.demo.number', number);
        props.onStart();
      }}
    >
      <label className={classes.field}>
        {t('name')}
        <input
          name="name"
          autoComplete="name"
          value={props.caller}
          onChange={(e) => props.onCaller(e.currentTarget.value)}
        />
      </label>
      <label className={classes.field}>
        {t('choose')}
        <select name="number" value={number} onChange={(e) => setNumber(e.currentTarget.value)}>
          {NUMBERS.map((each) => (
            <option key={each} value={each}>
              {t(`numbers.${each}`)} ({each})
            </option>
          ))}
        </select>
      </label>
      {offering && !offering.call ? (
        <AfterHours key={number} number={number} caller={props.caller} offering={offering} />
      ) : (
        <button type="submit" className={classes.call} data-action="call">
          {t('call')}
        </button>
      )}
    </form>
  );
}
