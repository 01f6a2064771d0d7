import { Alert } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { alarmsQuery } from '../api/queries';
import { useCan } from '../app/session';
import { dateTime } from '../ui/format';

/** Says that something waited beside an agent who could have taken it, which must never be. */
export function AlarmBanner() {
  const { t, i18n } = useTranslation('supervisor');
  const can = useCan();
  const { data } = useQuery({ ...alarmsQuery, enabled: can('read', 'queues') });
  const [dismissed, setDismissed] = useState('');
  const last = data?.[0];
  if (!last || last.id === dismissed) return null;
  return (
    <Alert
      mb="md"
      color="red"
      role="alert"
      icon={<IconAlertTriangle size={18} />}
      title={t('alarm.title')}
      withCloseButton
      closeButtonLabel={t('alarm.dismiss')}
      onClose={() => setDismissed(last.id)}
      data-alarm="invariant"
    >
      {t('alarm.text', {
        count: data.length,
        queue: last.queue_name,
        agent: last.agent_name,
        at: dateTime(last.at, i18n.language),
      })}{' '}
      {t('alarm.more')}
    </Alert>
  );
}
