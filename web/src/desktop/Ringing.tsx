import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { usePhone } from '../phone/react';
import { usePartyName } from './party';

/** Says that it rings where the page is not seen: in the tab's title, and in a notification of the browser. */
export function Ringing() {
  const { t } = useTranslation('desktop');
  const phone = usePhone();
  const partyName = usePartyName();
  useEffect(() => {
    const title = document.title;
    let notification: Notification | null = null;
    const end = () => {
      document.title = title;
      notification?.close();
      notification = null;
    };
    const off = phone.onRing((offer) => {
      end();
      if (!offer) return;
      const who = partyName(offer.card);
      document.title = `☎ ${who}`;
      if (!document.hidden || !('Notification' in window) || Notification.permission !== 'granted') return;
      notification = new Notification(t('notification'), {
        body: [who, ...(offer.card.queue_path ?? []).slice(-1)].join(' · '),
        tag: 'tandem-offer',
        requireInteraction: true,
      });
      notification.onclick = () => window.focus();
    });
    return () => {
      off();
      end();
    };
  }, [phone, partyName, t]);
  return null;
}
