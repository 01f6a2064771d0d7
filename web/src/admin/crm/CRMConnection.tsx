import { Alert, Skeleton } from '@mantine/core';
import { IconCheck, IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { crmQuery, crmVendorsQuery } from '../../api/queries';
import { ErrorNotice } from '../../ui/ErrorNotice';
import { Page } from '../../ui/Page';
import classes from '../admin.module.css';
import { ConnectionForm } from './ConnectionForm';
import { CRMHealth } from './CRMHealth';

/** Which CRM tickets and recordings go to, how it does, and what waits for it. */
export function CRMConnection() {
  const { t } = useTranslation('admin');
  const connection = useQuery(crmQuery);
  const vendors = useQuery(crmVendorsQuery);
  const error = connection.error ?? vendors.error;
  return (
    <Page title={t('parts.crm')} note={t('crm.lead')}>
      <SignedIn />
      <div className={classes.columns}>
        <div className={classes.panel}>
          {connection.data && vendors.data ? (
            // What is typed stays until something else is stored.
            <ConnectionForm key={JSON.stringify(connection.data)} connection={connection.data} vendors={vendors.data} />
          ) : error ? (
            <ErrorNotice error={error} onRetry={() => void connection.refetch()} />
          ) : (
            <Skeleton height={260} />
          )}
        </div>
        <CRMHealth />
      </div>
    </Page>
  );
}

/** What came of a sign-in to the CRM, which leads back to this page. */
function SignedIn() {
  const { t } = useTranslation(['admin', 'errors']);
  const [outcome] = useState(() => new URLSearchParams(window.location.search).get('authorized'));
  if (!outcome) return null;
  const ok = outcome === 'yes';
  return (
    <Alert
      role="status"
      variant="light"
      color={ok ? 'green' : 'red'}
      icon={ok ? <IconCheck size={18} /> : <IconX size={18} />}
      mb="md"
    >
      {ok ? t('crm.authorized') : t([`errors:${outcome}`], t('crm.notAuthorized'))}
    </Alert>
  );
}
