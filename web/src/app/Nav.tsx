import {
  IconAddressBook,
  IconChartBar,
  IconDeviceDesktopAnalytics,
  IconHeadset,
  IconMail,
  IconSettings,
  IconTicket,
} from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { UnreadBadge } from '../voicemails/UnreadBadge';
import { Logo } from './Logo';
import classes from './Shell.module.css';
import { screensOf } from './screens';
import { useMe } from './session';

const icons = {
  desktop: IconHeadset,
  supervisor: IconDeviceDesktopAnalytics,
  reports: IconChartBar,
  voicemails: IconMail,
  tickets: IconTicket,
  contacts: IconAddressBook,
  admin: IconSettings,
};

const paths = {
  desktop: '/',
  supervisor: '/supervisor',
  reports: '/reports',
  voicemails: '/voicemails',
  tickets: '/tickets',
  contacts: '/contacts',
  admin: '/admin',
} as const;

export function Nav() {
  const { t } = useTranslation();
  const me = useMe();
  return (
    <nav className={classes.nav} aria-label={t('nav.main')}>
      <div className={classes.brand}>
        <Logo size={30} title={t('product')} />
      </div>
      {screensOf(me).map((screen) => {
        const Icon = icons[screen];
        return (
          <Link
            key={screen}
            to={paths[screen]}
            className={classes.link}
            activeOptions={{ exact: screen === 'desktop', includeSearch: false }}
            activeProps={{ 'aria-current': 'page' }}
          >
            <Icon size={20} stroke={1.7} aria-hidden />
            {t(`nav.${screen}`)}
            {screen === 'voicemails' && <UnreadBadge />}
          </Link>
        );
      })}
    </nav>
  );
}
