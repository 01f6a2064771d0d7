import { Button } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { usePhone, usePhoneState } from '../phone/react';
import classes from './Shell.module.css';

/** Says when the live connection is down. A blink of less than the second try stays unmentioned. */
export function LinkBanner() {
  const { t } = useTranslation();
  const phone = usePhone();
  const link = usePhoneState((s) => s.link);
  const attempt = usePhoneState((s) => s.attempt);
  if (link === 'refused') {
    return (
      <div className={classes.banner} data-refused role="alert">
        {t('link.refused')}
        <Button size="compact-sm" variant="default" onClick={() => phone.dispatch({ type: 'start' })}>
          {t('link.reconnect')}
        </Button>
      </div>
    );
  }
  if (link !== 'reconnecting' || attempt < 2) return null;
  return (
    <div className={classes.banner} role="status">
      {t('link.reconnecting')}
    </div>
  );
}
