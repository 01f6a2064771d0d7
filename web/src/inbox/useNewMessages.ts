import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { useMe } from '../app/session';
import { showUnread } from '../desktop/attention';
import { usePhone } from '../phone/react';
import { notifyDone } from '../ui/notify';
import { usePersonName } from './name';
import { notifyBrowser } from './notifyBrowser';
import { mineQuery } from './queries';
import type { Conversation } from './types';
import { useToneOf } from './useOfferRing';

/** What differs between two looks at one's own conversations. */
export function newsOf(
  before: Conversation[],
  now: Conversation[],
): { messages: Conversation[]; added: Conversation[]; read: string[] } {
  const known = new Map(before.map((one) => [one.id, one]));
  return {
    messages: now.filter((one) => known.has(one.id) && one.unread > (known.get(one.id)?.unread ?? 0)),
    added: now.filter((one) => !known.has(one.id) && one.state === 'open'),
    read: now.filter((one) => one.unread === 0).map((one) => one.id),
  };
}

/** Tone, notification and the tab's title for new messages; and a word where a conversation has come without one's own doing. */
export function useNewMessages(): void {
  const { t } = useTranslation('inbox');
  const phone = usePhone();
  const me = useMe().id;
  const navigate = useNavigate();
  const name = usePersonName();
  const toneOf = useToneOf();
  const mine = useQuery(mineQuery).data;
  const open = useSearch({ strict: false }).c;
  const before = useRef<Conversation[]>(undefined);
  const bells = useRef(new Map<string, () => void>());
  const seen = useRef(open);
  seen.current = open;

  useEffect(() => {
    const all = bells.current;
    return () => {
      for (const stop of all.values()) stop();
      showUnread(0);
    };
  }, []);

  const quiet = (id: string) => {
    bells.current.get(id)?.();
    bells.current.delete(id);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each look
  useEffect(() => {
    if (!mine) return;
    showUnread(mine.reduce((sum, one) => sum + one.unread, 0));
    const past = before.current;
    before.current = mine;
    if (!past) return;
    const news = newsOf(past, mine);
    for (const id of news.read) quiet(id);
    for (const id of bells.current.keys()) if (!mine.some((one) => one.id === id)) quiet(id);
    for (const one of news.messages) {
      if (one.id === seen.current && !document.hidden) continue;
      const show = () => void navigate({ to: '/', search: { part: 'inbox', c: one.id } });
      const close = notifyBrowser(t('newMessage'), name(one), `tandem-chat-${one.id}`, show);
      void toneOf(one.queue_id, 'message').then((ring) => {
        quiet(one.id);
        const stop = phone.chime(ring);
        bells.current.set(one.id, () => {
          stop();
          close();
        });
      });
    }
    for (const one of news.added) {
      if (one.id === seen.current || one.owner_id !== me) continue;
      notifyDone(t('nowYours', { name: name(one) }));
      void toneOf(one.queue_id, 'chat').then((ring) => phone.chime({ ...ring, every_seconds: 0 }));
    }
  }, [mine]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: whoever looks at it needs no more ringing
  useEffect(() => {
    if (open) quiet(open);
  }, [open]);
}
