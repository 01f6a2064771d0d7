import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { State, type Tone } from '../ui/State';
import { DateTime } from '../ui/time';
import classes from './tickets.module.css';

type SLA = Schema['Ticket']['sla'];

const tones: Record<SLA, Tone> = {
  none: 'quiet',
  met: 'good',
  paused: 'quiet',
  running: 'info',
  at_risk: 'warn',
  breached: 'bad',
};

/** How a promise stands, and until when it is to be kept. */
export function Promised({ standing, due }: { standing: SLA; due: string | undefined }) {
  const { t } = useTranslation('crm');
  if (standing === 'none') return <span className="quiet">–</span>;
  return (
    <span className={classes.promise} data-sla={standing}>
      <State tone={tones[standing]}>{t(`sla.${standing}`)}</State>
      {due && <DateTime time={due} short />}
    </span>
  );
}
