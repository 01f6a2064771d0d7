import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { State } from '../ui/State';
import classes from './supervisor.module.css';

interface Flow {
  packets: number;
  lost: number;
  jitter_ms: number;
  mos: number;
}

/** One party's connection with how it sounds. */
export function Leg({ leg, agentName }: { leg: Schema['LegRecord']; agentName: string | undefined }) {
  const { t } = useTranslation('supervisor');
  return (
    <div className={classes.leg}>
      <div className={classes.legHead}>
        <span>
          {t(`party.${leg.party}`, leg.party)}
          {agentName ? `: ${agentName}` : ''}
        </span>
        <span className="quiet">
          {[leg.device && t(`deviceName.${leg.device}`, leg.device), leg.codec].filter(Boolean).join(' · ')}
        </span>
      </div>
      <Quality quality={leg.quality as Record<string, unknown>} />
      {leg.cause && (
        <div className="quiet">
          {t('reason')}: {leg.cause}
        </div>
      )}
    </div>
  );
}

function Quality({ quality }: { quality: Record<string, unknown> }) {
  const { t } = useTranslation('supervisor');
  const flows: Array<[string, Flow]> = [];
  if (isFlow(quality.rx)) flows.push([t('fromPeer'), quality.rx]);
  if (isFlow(quality.tx)) flows.push([t('toPeer'), quality.tx]);
  if (flows.length === 0) return <span className="quiet">{t('noQuality')}</span>;
  return (
    <table className={`${classes.flow} tnum`}>
      <thead>
        <tr>
          <th scope="col">{t('quality')}</th>
          <th scope="col">{t('flow')}</th>
          <th scope="col">{t('lost')}</th>
          <th scope="col">{t('jitter')}</th>
          <th scope="col">{t('mos')}</th>
        </tr>
      </thead>
      <tbody>
        {flows.map(([name, f]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{f.packets}</td>
            <td>{f.lost}</td>
            <td>{f.jitter_ms.toFixed(1)} ms</td>
            <td>
              {f.mos > 0 ? (
                <State tone={f.mos >= 4 ? 'good' : f.mos >= 3.3 ? 'warn' : 'bad'}>{f.mos.toFixed(2)}</State>
              ) : (
                '–'
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function isFlow(value: unknown): value is Flow {
  return typeof value === 'object' && value !== null && typeof (value as Flow).packets === 'number';
}
