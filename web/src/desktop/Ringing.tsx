import { useReducedMotion } from '@mantine/hooks';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { usePhone } from '../phone/react';
import { drawAttention } from './attention';
import { usePartyName } from './party';

/**
 * Says that it rings, on every screen and where the page is not seen: to screen readers, in the tab's title and icon, and in a notification
 * of the browser, whose click brings the tab to the front.
 */
export function Ringing() {
  const { t } = useTranslation('desktop');
  const phone = usePhone();
  const partyName = usePartyName();
  const still = useReducedMotion();
  const [said, setSaid] = useState('');
  useEffect(() => {
    let notification: Notification | null = null;
    let calm: (() => void) | null = null;
    const end = () => {
      calm?.();
      calm = null;
      notification?.close();
      notification = null;
      setSaid('');
    };
    const off = phone.onRing((offer) => {
      end();
      if (!offer) return;
      const who = partyName(offer.card);
      const path = offer.card.queue_path ?? [];
      setSaid(t('incomingFrom', { caller: who, queue: path.join(', ') }));
      calm = drawAttention(`☎ ${who}`, still);
      if (!document.hidden || !('Notification' in window) || Notification.permission !== 'granted') return;
      notification = new Notification(t('notification'), {
        body: [who, ...path.slice(-1)].join(' · '),
        // The tag of a push about the same: one of them is enough.
        tag: 'tandem-offer',
        requireInteraction: true,
      });
      notification.onclick = () => {
        window.focus();
        notification?.close();
      };
    });
    return () => {
      off();
      end();
    };
  }, [phone, partyName, t, still]);
  return (
    <div className="sr-only" aria-live="assertive" data-announce="offer">
      {said}
    </div>
  );
}
