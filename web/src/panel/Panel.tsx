import { Button, Stack, Text, Title } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, onSignedOut, type Schema } from '../api/client';
import { newPhone } from '../app/AppFrame';
import { LinkBanner } from '../app/LinkBanner';
import { Logo } from '../app/Logo';
import { useLiveQueries } from '../app/live';
import { useRefusals } from '../app/refusals';
import { meQuery } from '../app/session';
import { CallCard } from '../desktop/CallCard';
import { PresenceSelect } from '../desktop/PresenceSelect';
import { Ringing } from '../desktop/Ringing';
import { Softphone } from '../desktop/Softphone';
import type { Phone } from '../phone/phone';
import { PhoneProvider } from '../phone/react';
import { ErrorNotice } from '../ui/ErrorNotice';
import classes from './panel.module.css';
import { useHost } from './useHost';

/** The agent's telephone on a page of the tenant's CRM. */
export function Panel() {
  const { id } = useParams({ from: '/panel/$id' });
  const panel = useQuery({
    queryKey: ['panel', id],
    queryFn: () => body(api.GET('/api/v1/panel', { params: { query: { id } } })),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const me = useQuery(meQuery);
  const queries = useQueryClient();
  useEffect(() => onSignedOut(() => queries.setQueryData(meQuery.queryKey, null)), [queries]);
  if (panel.error) return <ErrorNotice error={panel.error} m="md" onRetry={() => void panel.refetch()} />;
  if (!panel.data || me.isPending) return null;
  // Somebody of another tenant has nothing to do here.
  const signedIn = me.data?.tenant === id && !me.data.totp_needed;
  return signedIn ? <Telephone panel={panel.data} /> : <SignIn panel={panel.data} />;
}

function Telephone({ panel }: { panel: Schema['Panel'] }) {
  const [phone] = useState(newPhone);
  return (
    <PhoneProvider phone={phone}>
      <Inside panel={panel} phone={phone} />
    </PhoneProvider>
  );
}

function Inside({ panel, phone }: { panel: Schema['Panel']; phone: Phone }) {
  const { t } = useTranslation('panel');
  useLiveQueries(phone);
  useRefusals(phone);
  useHost(panel, phone);
  return (
    <main className={classes.panel} data-panel="phone">
      <h1 className="sr-only">{t('title')}</h1>
      <Ringing />
      <header className={classes.head}>
        <Logo size={22} title="Tandem" />
        <PresenceSelect />
      </header>
      <LinkBanner />
      <Softphone />
      <CallCard />
    </main>
  );
}

/** People sign in in a window of our own, where they see whose it is; it hands the frame a ticket. */
function SignIn({ panel }: { panel: Schema['Panel'] }) {
  const { t } = useTranslation('panel');
  const queries = useQueryClient();
  const [failed, setFailed] = useState<unknown>(null);
  useHost(panel, null);
  const open = () => {
    const other = window.open('/panel/sign-in', 'tandem-sign-in', 'popup,width=480,height=680');
    const heard = (event: MessageEvent) => {
      const data = event.data as { ticket?: unknown } | null;
      if (event.origin !== window.location.origin || event.source !== other || typeof data?.ticket !== 'string') return;
      window.removeEventListener('message', heard);
      body(api.POST('/api/v1/panel/session', { body: { ticket: data.ticket } }))
        .then(() => queries.invalidateQueries({ queryKey: meQuery.queryKey }))
        .catch(setFailed);
    };
    window.addEventListener('message', heard);
  };
  return (
    <main className={classes.panel} data-panel="signed-out">
      <Stack align="center" gap="sm" py="xl">
        <Logo size={40} title="Tandem" />
        <Title order={1} fz="lg">
          {t('title')}
        </Title>
        <Text size="sm" c="dimmed" ta="center">
          {t('signInLead')}
        </Text>
        <Button onClick={open} data-action="sign-in">
          {t('signIn')}
        </Button>
        {failed !== null && <ErrorNotice error={failed} />}
      </Stack>
    </main>
  );
}
