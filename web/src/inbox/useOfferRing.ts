import { useReducedMotion } from '@mantine/hooks';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { queueSettingsQuery } from '../api/queries';
import { useCan } from '../app/session';
import { drawAttention } from '../desktop/attention';
import type { Ring } from '../phone/protocol';
import { usePhone } from '../phone/react';
import { standardRing } from '../phone/ringtone';
import { usePersonName } from './name';
import { notifyBrowser } from './notifyBrowser';
import type { Conversation } from './types';

/** The tone that a queue has for chats or messages; what nobody has set rings as it does everywhere. */
export function useToneOf(): (queue: string | undefined, what: 'chat' | 'message') => Promise<Ring> {
  const queries = useQueryClient();
  const can = useCan()('read', 'queues');
  return async (queue, what) => {
    const fallback = what === 'chat' ? standardRing : { tone: 'drop', every_seconds: 0 };
    if (!queue || !can) return fallback;
    try {
      const settings = await queries.fetchQuery({ ...queueSettingsQuery(queue), staleTime: 60_000 });
      return settings.notification.value[what];
    } catch {
      return fallback; // not to be had now: better the wrong tone than none
    }
  };
}

/** Rings while a chat is offered, and says so in the tab and, where the page is not seen, in a notification. */
export function useOfferRing(offers: Conversation[]): void {
  const { t } = useTranslation('inbox');
  const phone = usePhone();
  const toneOf = useToneOf();
  const still = useReducedMotion();
  const name = usePersonName();
  const first = offers[0];
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each offer
  useEffect(() => {
    if (!first) return;
    let over = false;
    let stop: (() => void) | undefined;
    void toneOf(first.queue_id, 'chat').then((ring) => {
      if (!over) stop = phone.chime(ring);
    });
    const calm = drawAttention(`💬 ${name(first)}`, still);
    const close = notifyBrowser(
      t('newChat'),
      [name(first), ...(first.queue_path ?? []).slice(-1)].join(' · '),
      'tandem-offer',
    );
    return () => {
      over = true;
      stop?.();
      calm();
      close();
    };
  }, [first?.id]);
}
