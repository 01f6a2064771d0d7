import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { clock } from '../ui/format';
import classes from './reports.module.css';

/** An agent's time in each presence, by reason. */
export function Reasons({ of }: { of: Schema['ReasonTime'][] }) {
  const { t } = useTranslation('common');
  return (
    <span className={classes.reasons}>
      {of
        .map((r) => `${t(`presence.${r.presence}`, r.presence)}${r.reason ? ` (${r.reason})` : ''} ${clock(r.seconds)}`)
        .join(' · ')}
    </span>
  );
}
