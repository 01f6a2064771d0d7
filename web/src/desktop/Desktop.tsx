import { useTranslation } from 'react-i18next';
import { CallCard } from './CallCard';
import classes from './desktop.module.css';
import { RecentCalls } from './RecentCalls';
import { Softphone } from './Softphone';

/** The agent's screen: telephone, the call's card, what was before. */
export function Desktop() {
  const { t } = useTranslation('desktop');
  return (
    <div className={classes.desktop}>
      <h1 className="sr-only">{t('title')}</h1>
      <Softphone />
      <CallCard />
      <RecentCalls />
    </div>
  );
}
