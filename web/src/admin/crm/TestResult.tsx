import { Alert } from '@mantine/core';
import { IconCheck, IconX } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/client';
import { ErrorNotice } from '../../ui/ErrorNotice';

/** How a trial of the connection went. */
export function TestResult({ result, error }: { result: Schema['ConnectionTest'] | undefined; error: unknown }) {
  const { t } = useTranslation('admin');
  if (error) return <ErrorNotice error={error} />;
  if (!result) return null;
  return (
    <Alert
      role="status"
      variant="light"
      color={result.ok ? 'green' : 'red'}
      icon={result.ok ? <IconCheck size={18} /> : <IconX size={18} />}
      p="sm"
    >
      <span style={{ color: result.ok ? 'var(--t-good)' : 'var(--t-bad)' }}>
        <strong>{result.ok ? t('crm.ok') : t('crm.failed')}</strong> {result.detail} (
        {t('crm.millis', { millis: result.millis })})
      </span>
    </Alert>
  );
}
