import { TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { queueOpenQuery } from '../../api/queries';
import { ErrorNotice } from '../../ui/ErrorNotice';
import { State } from '../../ui/State';

// What a datetime-local input wants: local time without a zone.
function localNow(): string {
  const now = new Date();
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** What happens to a caller at a time of one's choice. */
export function OpenPreview({ queue }: { queue: string }) {
  const { t } = useTranslation('admin');
  const [local, setLocal] = useState(localNow);
  const instant = new Date(local);
  const valid = !Number.isNaN(instant.getTime());
  const { data, error, refetch } = useQuery({
    ...queueOpenQuery(queue, valid ? instant.toISOString() : ''),
    enabled: valid,
    placeholderData: (before) => before,
  });
  return (
    <div style={{ display: 'flex', flexDirection: 'column', gap: 12 }}>
      <TextInput
        type="datetime-local"
        label={t('queues.at')}
        w={240}
        value={local}
        onChange={(event) => setLocal(event.currentTarget.value)}
      />
      {error && <ErrorNotice error={error} onRetry={refetch} />}
      <div role="status" style={{ minHeight: 48 }}>
        {data && (
          <>
            <State tone={data.open ? 'good' : 'warn'}>{data.open ? t('queues.nowOpen') : t('queues.nowClosed')}</State>
            {!data.open && (
              <p style={{ margin: '6px 0 0' }}>
                {t('queues.closedThen')} {t(`settings.deflections.${data.deflection.mode}`, data.deflection.mode)}
                {data.deflection.prompt?.text ? `: “${data.deflection.prompt.text}”` : ''}
              </p>
            )}
          </>
        )}
      </div>
    </div>
  );
}
