import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { CallView } from '../phone/protocol';
import { usePhone, usePhoneState } from '../phone/react';
import { Elapsed } from '../ui/time';
import classes from './demo.module.css';

const KEYS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#'];

/** The customer's call from the click to the end. */
export function Dialler({ onAgain }: { onAgain: () => void }) {
  const { t } = useTranslation('demo');
  const phone = usePhone();
  const call = usePhoneState((s) => s.call);
  const muted = usePhoneState((s) => s.muted);
  const digits = usePhoneState((s) => s.digits);
  const ended = useEnded();
  const [since] = useState(() => new Date().toISOString());
  const text = useStateText(call, ended);
  useStart();
  return (
    <section className={classes.box} aria-label={t('call')}>
      <p
        className={classes.state}
        role="status"
        data-call-state={ended ? 'ended' : (call?.state ?? 'none')}
        data-call-stage={call?.stage}
      >
        {text}
      </p>
      {!ended && (
        <p className={classes.time}>
          <span className="sr-only">{t('duration')} </span>
          <Elapsed since={since} />
        </p>
      )}
      {call && (
        <>
          <output className={classes.digits} aria-label={t('keypad')}>
            {digits}
          </output>
          <div className={classes.keypad}>
            {KEYS.map((key) => (
              <button
                key={key}
                type="button"
                data-digit={key}
                onClick={() => phone.dispatch({ type: 'digit', digit: key })}
              >
                {key}
              </button>
            ))}
          </div>
          <div className={classes.row}>
            <button
              type="button"
              aria-pressed={muted}
              data-action="mute"
              onClick={() => phone.dispatch({ type: 'mute', muted: !muted })}
            >
              {muted ? t('unmute') : t('mute')}
            </button>
            <button
              type="button"
              className={classes.hangup}
              data-action="hangup"
              onClick={() => phone.dispatch({ type: 'hangup' })}
            >
              {t('hangup')}
            </button>
          </div>
        </>
      )}
      {!call && (
        <button type="button" className={ended ? classes.call : undefined} data-action="again" onClick={onAgain}>
          {ended ? t('again') : t('hangup')}
        </button>
      )}
    </section>
  );
}

// Connected and with a microphone: then the number is called, once.
function useStart(): void {
  const phone = usePhone();
  const ready = usePhoneState((s) => s.link === 'online' && (s.media === 'connecting' || s.media === 'connected'));
  const started = useRef(false);
  useEffect(() => {
    void phone.goOnline();
  }, [phone]);
  useEffect(() => {
    if (!ready || started.current) return;
    started.current = true;
    phone.dispatch({ type: 'startCall', number: sessionStorage.getItem('tandem.demo.number') ?? '1000' });
  }, [phone, ready]);
}

function useEnded(): boolean {
  const phone = usePhone();
  const [ended, setEnded] = useState(false);
  const error = usePhoneState((s) => s.lastError !== null && s.call === null);
  useEffect(() => phone.onCallEnded(() => setEnded(true)), [phone]);
  return ended || error;
}

function useStateText(call: CallView | null, ended: boolean): string {
  const { t } = useTranslation('demo');
  const link = usePhoneState((s) => s.link);
  const media = usePhoneState((s) => s.media);
  const fault = usePhoneState((s) => s.mediaFault);
  const error = usePhoneState((s) => s.lastError);
  if (fault) return t('microphone');
  if (link === 'refused' || (error && !call)) return t('unavailable');
  if (ended) return t('state.ended');
  if (link === 'reconnecting') return t('lost');
  if (media === 'asking') return t('allow');
  if (!call) return t('connecting');
  return t(`state.${call.stage || call.state}`);
}
