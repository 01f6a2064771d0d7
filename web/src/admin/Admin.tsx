import { Link, Outlet } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { useCan } from '../app/session';
import classes from './admin.module.css';
import { partGroups } from './parts';

export function Admin() {
  const { t } = useTranslation('admin');
  const can = useCan();
  return (
    <div className={classes.admin}>
      <nav className={classes.nav} aria-label={t('title')}>
        {partGroups.map(({ group, parts }) => {
          const open = parts.filter(([, noun]) => can('read', noun));
          if (open.length === 0) return null;
          return (
            <div key={group}>
              <div className={classes.group}>{t(`groups.${group}`)}</div>
              {open.map(([part]) => (
                <Link
                  key={part}
                  to="/admin/$part"
                  params={{ part }}
                  className={classes.link}
                  activeProps={{ 'aria-current': 'page' }}
                >
                  {t(`parts.${part}`)}
                </Link>
              ))}
            </div>
          );
        })}
      </nav>
      <div className={classes.content}>
        <Outlet />
      </div>
    </div>
  );
}
