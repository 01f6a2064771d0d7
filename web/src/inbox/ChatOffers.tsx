import { Button } from '@mantine/core';
import { IconCheck, IconMessageCircle, IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { useAct } from '../api/useSave';
import { scopeOf, useMe } from '../app/session';
import { Flags } from '../desktop/Flags';
import { usePhone } from '../phone/react';
import { QueuePath } from '../ui/State';
import { Elapsed } from '../ui/time';
import { ChannelIcon } from './channels';
import classes from './inbox.module.css';
import { useInboxNews } from './live';
import { usePersonName } from './name';
import { offeredQuery } from './queries';
import { accept, decline } from './routes';
import type { Conversation } from './types';
import { useNewMessages } from './useNewMessages';
import { useOfferRing } from './useOfferRing';

/** Chats that ring, on every screen; and everything that makes one look when a message comes. */
export function ChatOffers() {
  const me = useMe();
  return scopeOf(me, 'write', 'conversations') ? <Active /> : null;
}

function Active() {
  const { t } = useTranslation('inbox');
  const name = usePersonName();
  useInboxNews();
  useNewMessages();
  const found = useQuery(offeredQuery);
  const offers = found.data ?? [];
  useOfferRing(offers);
  const first = offers[0];
  return (
    <>
      <div className="sr-only" aria-live="assertive" data-announce="chat-offer">
        {first && t('offerFrom', { name: name(first), queue: first.queue_path?.join(', ') ?? '' })}
      </div>
      {offers.length > 0 && (
        <section className={classes.offers} aria-label={t('ringing')}>
          {offers.slice(0, 3).map((offer, index) => (
            <OfferCard key={offer.id} offer={offer} keys={index === 0} />
          ))}
        </section>
      )}
    </>
  );
}

function OfferCard({ offer, keys }: { offer: Conversation; keys: boolean }) {
  const { t } = useTranslation(['inbox', 'desktop']);
  const name = usePersonName();
  const navigate = useNavigate();
  const nouns = ['conversations'];
  const yes = useAct({
    act: () => accept(offer.id),
    nouns,
    done: () => void navigate({ to: '/', search: { part: 'inbox', c: offer.id } }),
  });
  const no = useAct({ act: () => decline(offer.id), nouns });
  const busy = yes.isPending || no.isPending;
  useOfferKeys(keys && !busy, yes.mutate, no.mutate);
  return (
    <article className={classes.offer} data-offer={offer.id} aria-label={`${t('newChat')}: ${name(offer)}`}>
      <div className={classes.offerHead}>
        <strong>
          <IconMessageCircle size={16} aria-hidden /> {t('newChat')}
        </strong>
        {offer.waiting_since && (
          <span>
            {t('desktop:card.waited')} <Elapsed since={offer.waiting_since} />
          </span>
        )}
      </div>
      <div>
        <div className={classes.offerName}>{name(offer)}</div>
        <div className={classes.whoFacts}>
          <ChannelIcon channel={offer.channel} size={14} />
          <span>{offer.account.label}</span>
          <QueuePath path={offer.queue_path} />
        </div>
      </div>
      <Flags reserved={offer.reserved} />
      {offer.last_text && <div className={classes.offerText}>{offer.last_text}</div>}
      <div className={classes.offerButtons}>
        <Button
          color="#0f7a48"
          leftSection={<IconCheck size={17} />}
          loading={yes.isPending}
          disabled={no.isPending}
          data-action="accept-chat"
          {...(keys && { 'aria-keyshortcuts': 'Alt+A' })}
          onClick={() => yes.mutate()}
        >
          {t('accept')}
        </Button>
        <Button
          variant="default"
          leftSection={<IconX size={17} />}
          loading={no.isPending}
          disabled={yes.isPending}
          data-action="decline-chat"
          {...(keys && { 'aria-keyshortcuts': 'Alt+D' })}
          onClick={() => no.mutate()}
        >
          {t('decline')}
        </Button>
      </div>
    </article>
  );
}

/** Alt+A and Alt+D are the call's while one rings. */
function useOfferKeys(on: boolean, yes: () => void, no: () => void): void {
  const phone = usePhone();
  const latest = useRef({ yes, no });
  latest.current = { yes, no };
  useEffect(() => {
    if (!on) return;
    const pressed = (event: KeyboardEvent) => {
      if (!event.altKey || event.ctrlKey || event.metaKey || event.repeat || phone.getState().offer) return;
      if (event.code !== 'KeyA' && event.code !== 'KeyD') return;
      event.preventDefault();
      if (event.code === 'KeyA') latest.current.yes();
      else latest.current.no();
    };
    window.addEventListener('keydown', pressed);
    return () => window.removeEventListener('keydown', pressed);
  }, [phone, on]);
}
