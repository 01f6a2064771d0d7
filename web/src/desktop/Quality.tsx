import { Tooltip } from '@mantine/core';
import { useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import { usePhone } from '../phone/react';
import { State } from '../ui/State';

/** How the call sounds, by the browser's own counters of the last 5 s. */
export function Quality() {
  const { t } = useTranslation('desktop');
  const phone = usePhone();
  const quality = useSyncExternalStore(phone.subscribe, () => phone.quality);
  if (!quality) return null;
  const total = quality.packets_received + quality.packets_lost;
  const loss = total > 0 ? Math.round((1000 * quality.packets_lost) / total) / 10 : 0;
  const detail = t('qualityDetail', {
    mos: quality.mos.toFixed(1),
    loss,
    jitter: Math.round(quality.jitter_ms),
    rtt: Math.round(quality.round_trip_ms),
  });
  const grade = quality.mos >= 4 ? 'Good' : quality.mos >= 3.3 ? 'Fair' : 'Poor';
  const tone = grade === 'Good' ? 'good' : grade === 'Fair' ? 'warn' : 'bad';
  return (
    <Tooltip label={detail}>
      <span>
        <span className="sr-only">{t('quality')}: </span>
        <State tone={tone}>{t(`quality${grade}`)}</State>
      </span>
    </Tooltip>
  );
}
