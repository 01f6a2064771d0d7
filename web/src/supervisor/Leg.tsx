import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { useDeviceText } from '../ui/device';
import { State } from '../ui/State';
import { DateTime } from '../ui/time';
import classes from './supervisor.module.css';

/** One party's connection with how it sounds. */
export function Leg({ leg, agentName }: { leg: Schema['LegRecord']; agentName: string | undefined }) {
  const { t } = useTranslation('supervisor');
  const deviceText = useDeviceText();
  return (
    <div className={classes.leg}>
      <div className={classes.legHead}>
        <span>
          {t(`party.${leg.party}`, leg.party)}
          {agentName ? `: ${agentName}` : ''}
        </span>
        <span className="quiet">{[leg.device && deviceText(leg.device), leg.codec].filter(Boolean).join(' · ')}</span>
      </div>
      <div className="quiet tnum">
        <DateTime time={leg.started_at} short />
        {' – '}
        {leg.ended_at ? <DateTime time={leg.ended_at} short /> : t('stillOn')}
      </div>
      <Quality quality={leg.quality} />
      {leg.quality.one_way > 0 && <State tone="bad">{t('oneWay', { count: leg.quality.one_way })}</State>}
      {leg.cause && (
        <div className="quiet">
          {t('reason')}: {leg.cause}
        </div>
      )}
    </div>
  );
}

function Quality({ quality }: { quality: Schema['Quality'] }) {
  const { t } = useTranslation('supervisor');
  if (quality.in.packets + quality.out.packets === 0) return <span className="quiet">{t('noQuality')}</span>;
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
        <Flow name={t('fromPeer')} flow={quality.in} />
        <Flow name={t('toPeer')} flow={quality.out} />
      </tbody>
      {quality.round_trip_ns > 0 && (
        <tfoot>
          <tr>
            <th scope="row">{t('roundTrip')}</th>
            <td colSpan={4}>{milliseconds(quality.round_trip_ns)}</td>
          </tr>
        </tfoot>
      )}
    </table>
  );
}

function Flow({ name, flow }: { name: string; flow: Schema['Flow'] }) {
  const tone = flow.mos >= 4 ? 'good' : flow.mos >= 3.3 ? 'warn' : 'bad';
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>{flow.packets}</td>
      <td>{flow.lost}</td>
      <td>{milliseconds(flow.jitter_ns)}</td>
      <td>{flow.mos > 0 ? <State tone={tone}>{flow.mos.toFixed(2)}</State> : '–'}</td>
    </tr>
  );
}

const milliseconds = (nanoseconds: number): string => `${(nanoseconds / 1e6).toFixed(1)} ms`;
