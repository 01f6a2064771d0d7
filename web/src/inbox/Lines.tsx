import { useTranslation } from 'react-i18next';
import classes from './thread.module.css';

/** The day that the messages below are of. */
export function DayLine({ at }: { at: string }) {
  const { t, i18n } = useTranslation('inbox');
  const date = new Date(at);
  const days = Math.round((startOf(new Date()) - startOf(date)) / 86_400_000);
  const text =
    days === 0
      ? t('today')
      : days === 1
        ? t('yesterday')
        : new Intl.DateTimeFormat(i18n.language, { dateStyle: 'full' }).format(date);
  return (
    <div className={classes.day}>
      <span>{text}</span>
    </div>
  );
}

const startOf = (date: Date): number => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();

export function UnreadLine() {
  const { t } = useTranslation('inbox');
  return (
    <div className={classes.unreadLine}>
      <span>{t('newMessages')}</span>
    </div>
  );
}
