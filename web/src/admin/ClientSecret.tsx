import { Button, Group } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, body } from '../api/client';
import { clientSecretQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { useCan } from '../app/session';
import { useConfirm } from '../ui/confirm';
import { ErrorNotice } from '../ui/ErrorNotice';
import { DateTime } from '../ui/time';
import { Made } from './APIKeys';
import classes from './admin.module.css';

/** The secret by which a tenant's servers vouch for what customers' pages say. */
export function ClientSecret() {
  const { t } = useTranslation('admin');
  const can = useCan();
  const confirm = useConfirm();
  const secret = useQuery(clientSecretQuery);
  const make = useSave({ save: () => body(api.POST('/api/v1/client-secret')), nouns: ['client-secret'] });
  const ask = () =>
    secret.data?.exists
      ? confirm({
          title: t('clientSecret.again'),
          text: t('clientSecret.againText'),
          action: t('clientSecret.make'),
          onConfirm: () => make.mutate(undefined),
        })
      : make.mutate(undefined);
  return (
    <section className={classes.panel} style={{ marginTop: 20 }} aria-label={t('clientSecret.title')}>
      <h2 style={{ margin: 0, fontSize: 15 }}>{t('clientSecret.title')}</h2>
      <p className="quiet" style={{ margin: '4px 0 12px' }}>
        {t('clientSecret.text')}
      </p>
      {secret.error && <ErrorNotice error={secret.error} onRetry={secret.refetch} />}
      {make.error && <ErrorNotice error={make.error} />}
      {make.data?.secret && <Made secret={make.data.secret} />}
      <Group gap="sm" mt="sm">
        {can('write', 'api-keys') && (
          <Button variant="default" loading={make.isPending} disabled={!secret.data} onClick={ask}>
            {t('clientSecret.make')}
          </Button>
        )}
        {secret.data && (
          <span className="quiet">
            {secret.data.created_at ? (
              <>
                {t('clientSecret.since')} <DateTime time={secret.data.created_at} short />
              </>
            ) : (
              t('clientSecret.none')
            )}
          </span>
        )}
      </Group>
    </section>
  );
}
