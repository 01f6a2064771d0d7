import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { channelsQuery } from '../api/queries';
import classes from './Shell.module.css';
import { useCan } from './session';

/** Tells administrators that a platform refuses an account's token: until there is a new one, nothing is sent. */
export function ChannelBanner() {
  const { t } = useTranslation('channels');
  const can = useCan();
  const { data } = useQuery({ ...channelsQuery, enabled: can('write', 'channels') });
  const refused = data?.filter((a) => a.enabled && a.state === 'needs_reauthorisation') ?? [];
  const first = refused[0];
  if (!first) return null;
  return (
    <div className={classes.banner} data-refused data-banner="channel" role="status">
      {t('banner', {
        count: refused.length,
        name: `${t(`inbox:channels.${first.channel}`, first.channel)} · ${first.label}`,
      })}
      <Link to="/admin/$part" params={{ part: 'channels' }}>
        {t('bannerOpen')}
      </Link>
    </div>
  );
}
