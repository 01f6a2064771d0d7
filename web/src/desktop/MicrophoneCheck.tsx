import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { usePhone, usePhoneState } from '../phone/react';
import { State } from '../ui/State';
import classes from './desktop.module.css';

/** The level meter: speaking once proves the microphone (mic.proof). */
export function MicrophoneCheck() {
  const { t } = useTranslation('desktop');
  const phone = usePhone();
  const proven = usePhoneState((s) => s.micProven);
  const bar = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let frame = 0;
    const draw = () => {
      // Speech lies between about -50 and -10 dBFS: shown on a scale that moves visibly.
      const db = 20 * Math.log10(Math.max(phone.microphone.level(), 1e-4));
      if (bar.current) bar.current.style.transform = `scaleX(${Math.min(1, Math.max(0, (db + 60) / 55))})`;
      frame = requestAnimationFrame(draw);
    };
    draw();
    return () => cancelAnimationFrame(frame);
  }, [phone]);
  return (
    <div>
      <div className={classes.stageHead} role="status">
        <span>{t('mic.title')}</span>
        <State tone={proven ? 'good' : 'warn'} pulse={!proven}>
          {proven ? t('mic.heard') : t('mic.speak')}
        </State>
      </div>
      <div className={classes.meter} aria-hidden>
        <div ref={bar} className={classes.meterFill} />
      </div>
    </div>
  );
}
