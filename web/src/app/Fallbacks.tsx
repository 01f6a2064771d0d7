import { Button, Center } from '@mantine/core';
import { IconAlertTriangle, IconLock, IconMapOff } from '@tabler/icons-react';
import type { ErrorComponentProps } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { Problem } from '../api/problem';
import { ErrorNotice } from '../ui/ErrorNotice';
import { EmptyState } from '../ui/Page';

export function NotFound() {
  const { t } = useTranslation();
  return (
    <Center h="100%">
      <EmptyState
        icon={<IconMapOff size={32} stroke={1.4} aria-hidden />}
        title={t('notFound.title')}
        text={t('notFound.text')}
        action={
          <Button component="a" href="/" mt="sm">
            {t('notFound.home')}
          </Button>
        }
      />
    </Center>
  );
}

export function Forbidden() {
  const { t } = useTranslation();
  return (
    <Center h="100%">
      <EmptyState
        icon={<IconLock size={32} stroke={1.4} aria-hidden />}
        title={t('forbidden.title')}
        text={t('forbidden.text')}
      />
    </Center>
  );
}

/** Where a screen has thrown: what the server said, or that we broke. */
export function Crash({ error, reset }: ErrorComponentProps) {
  const { t } = useTranslation();
  if (error instanceof Problem) {
    if (error.status === 403) return <Forbidden />;
    if (error.status === 404) return <NotFound />;
    return <ErrorNotice error={error} onRetry={reset} m="lg" />;
  }
  // A failed fetch is a TypeError; anything else is a fault of ours.
  if (error instanceof TypeError && /fetch/i.test(error.message))
    return <ErrorNotice error={error} onRetry={reset} m="lg" />;
  return (
    <Center h="100%">
      <EmptyState
        icon={<IconAlertTriangle size={32} stroke={1.4} aria-hidden />}
        title={t('crash.title')}
        text={t('crash.text')}
        action={
          <Button mt="sm" onClick={() => window.location.reload()}>
            {t('reload')}
          </Button>
        }
      />
    </Center>
  );
}
