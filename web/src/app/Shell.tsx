import { Outlet } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { CallBar } from '../desktop/CallBar';
import { PresenceSelect } from '../desktop/PresenceSelect';
import { useMaybePhone } from '../phone/react';
import { SupervisionBar } from '../supervisor/SupervisionBar';
import { AccountMenu } from './AccountMenu';
import { ChannelBanner } from './ChannelBanner';
import { LinkBanner } from './LinkBanner';
import { Nav } from './Nav';
import classes from './Shell.module.css';

/** What surrounds every screen of a signed-in person: navigation, presence, the call wherever one is, the connection's state. */
export function Shell() {
  const { t } = useTranslation();
  const phone = useMaybePhone();
  return (
    <div className={classes.shell}>
      <a className="skip-link" href="#content">
        {t('skipToContent')}
      </a>
      <Nav />
      <header className={classes.header}>
        <div className={classes.call}>{phone && <CallBar />}</div>
        {phone && <PresenceSelect />}
        <AccountMenu />
      </header>
      <main id="content" tabIndex={-1} className={classes.main}>
        {phone && <LinkBanner />}
        <ChannelBanner />
        {phone && <SupervisionBar />}
        <Outlet />
      </main>
    </div>
  );
}
