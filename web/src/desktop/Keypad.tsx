import { UnstyledButton } from '@mantine/core';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { usePhone, usePhoneState } from '../phone/react';
import classes from './desktop.module.css';

const KEYS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#'];

/** Twelve keys; while the pad has the focus, the keyboard's digits work too. */
export function Keypad() {
  const { t } = useTranslation('desktop');
  const phone = usePhone();
  const digits = usePhoneState((s) => s.digits);
  const first = useRef<HTMLButtonElement>(null);
  useEffect(() => first.current?.focus(), []);
  const press = (digit: string) => phone.dispatch({ type: 'digit', digit });
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys are buttons; this only lets the keyboard's digits press them
    <div
      onKeyDown={(event) => {
        if (event.altKey || event.ctrlKey || event.metaKey || !KEYS.includes(event.key)) return;
        event.preventDefault();
        press(event.key);
      }}
    >
      <output className={classes.digits} style={{ display: 'block' }} aria-label={t('digitsSent')}>
        {digits}
      </output>
      <div className={classes.keypad}>
        {KEYS.map((key, index) => (
          <UnstyledButton
            key={key}
            ref={index === 0 ? first : undefined}
            className={classes.key}
            data-digit={key}
            onClick={() => press(key)}
          >
            {key}
          </UnstyledButton>
        ))}
      </div>
    </div>
  );
}
