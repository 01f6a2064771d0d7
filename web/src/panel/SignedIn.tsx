import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body } from '../api/client';
import { ErrorNotice } from '../ui/ErrorNotice';

/** The window in which somebody has signed in for the panel: it hands the frame that has opened it a ticket, and closes. */
export function SignedIn() {
  const { t } = useTranslation('panel');
  const ticket = useQuery({
    queryKey: ['panel', 'ticket'],
    queryFn: () => body(api.POST('/api/v1/ws-ticket')),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  useEffect(() => {
    const opener = window.opener as Window | null;
    if (!ticket.data || !opener) return;
    opener.postMessage({ ticket: ticket.data.ticket }, window.location.origin);
    window.close();
  }, [ticket.data]);
  return (
    <main style={{ padding: 24 }}>
      {ticket.error ? <ErrorNotice error={ticket.error} /> : <Text>{t('signedIn')}</Text>}
    </main>
  );
}
