import { useTranslation } from 'react-i18next';
import type { Card } from '../phone/protocol';
import { Tag } from '../ui/State';
import classes from './desktop.module.css';

/** The profile flags that came with the call (voice V1.6); nothing where nothing is known. */
export function Flags({ reserved }: { reserved: Card['reserved'] }) {
  const { t } = useTranslation('desktop');
  const verified = reserved?.reserved_verified_customer;
  if (verified === undefined && !reserved?.reserved_bad_actor && !reserved?.reserved_repeat_customer) return null;
  return (
    <div className={classes.flags}>
      {verified === true && <Tag tone="good">{t('card.verified')}</Tag>}
      {verified === false && <Tag tone="warn">{t('card.notVerified')}</Tag>}
      {reserved?.reserved_bad_actor && <Tag tone="bad">{t('card.badActor')}</Tag>}
      {reserved?.reserved_repeat_customer && <Tag tone="info">{t('card.repeat')}</Tag>}
    </div>
  );
}
