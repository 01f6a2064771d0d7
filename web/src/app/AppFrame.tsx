import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { api, body, onSignedOut } from '../api/client';
import { Problem } from '../api/problem';
import { Ringing } from '../desktop/Ringing';
import { ShortcutSheet } from '../desktop/ShortcutSheet';
import { Shortcuts } from '../desktop/Shortcuts';
import { ChatOffers } from '../inbox/ChatOffers';
import { OutboxProvider } from '../inbox/useOutbox';
import { Phone, Refused } from '../phone/phone';
import { PhoneProvider } from '../phone/react';
import { TicketWarnings } from '../tickets/TicketWarnings';
import { useLiveQueries } from './live';
import { useRefusals } from './refusals';
import { Shell } from './Shell';

/** The signed-in part: one phone (which is also the live connection) around all screens. */
export function AppFrame() {
  const [phone] = useState(newPhone);
  useLiveQueries(phone);
  useRefusals(phone);
  useReturnToLogin();
  return (
    <PhoneProvider phone={phone}>
      <Shortcuts />
      <Ringing />
      <ShortcutSheet />
      <TicketWarnings />
      <OutboxProvider>
        <ChatOffers />
        <Shell />
      </OutboxProvider>
    </PhoneProvider>
  );
}

/** The signed-in person's phone. */
export function newPhone(): Phone {
  const scheme = window.location.protocol === 'https:' ? 'wss' : 'ws';
  return new Phone({
    url: `${scheme}://${window.location.host}/ws`,
    persistent: true,
    credentials: async () => {
      try {
        const { ticket } = await body(api.POST('/api/v1/ws-ticket'));
        return { ticket };
      } catch (error) {
        if (error instanceof Problem && (error.status === 401 || error.status === 403)) throw new Refused();
        throw error;
      }
    },
  });
}

function useReturnToLogin(): void {
  const queries = useQueryClient();
  useEffect(
    () =>
      onSignedOut(() => {
        queries.setQueryData(['me'], null);
        const to = window.location.pathname + window.location.search;
        window.location.assign(to === '/' ? '/login' : `/login?to=${encodeURIComponent(to)}`);
      }),
    [queries],
  );
}
