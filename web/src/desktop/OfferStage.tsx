import { Button } from '@mantine/core';
import { IconPhone, IconPhoneOff, IconPhoneOutgoing } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Offer } from '../phone/protocol';
import { usePhone, usePhoneState } from '../phone/react';
import { QueuePath, Tag } from '../ui/State';
import { Elapsed } from '../ui/time';
import classes from './desktop.module.css';
import { Flags } from './Flags';
import { From } from './From';
import { usePartyName } from './party';

export function OfferStage({ offer }: { offer: Offer }) {
  const { t } = useTranslation('desktop');
  const phone = usePhone();
  const partyName = usePartyName();
  const answering = usePhoneState((s) => s.answering);
  const [shown] = useState(() => new Date().toISOString());
  const { card } = offer;
  const title = t(card.outbound ? 'dial.outgoing' : offer.auto ? 'autoAnswer' : 'incoming');
  return (
    <section className={`${classes.panel} ${classes.stage} ${classes.offer}`} aria-label={title}>
      <div className={classes.stageHead}>
        <strong style={{ color: 'var(--t-good)' }} role={offer.auto ? 'status' : undefined}>
          {offer.device ? t('device.answer', { device: t(`device.${offer.device}`) }) : title}
        </strong>
        {!card.outbound && (
          <span>
            {t('card.waited')} <Elapsed since={offer.since ?? shown} offset={card.waited_seconds ?? 0} />
          </span>
        )}
      </div>
      <div className={classes.centre}>
        <span className={classes.ringIcon} aria-hidden>
          {card.outbound ? <IconPhoneOutgoing size={26} /> : <IconPhone size={26} />}
        </span>
        <div className={classes.party} style={{ marginTop: 10 }}>
          {partyName(card)}
        </div>
        {card.name && card.caller && <div className="quiet tnum">{card.caller}</div>}
        {card.queue_path?.length ? <QueuePath path={card.queue_path} /> : null}
        <From card={card} consulted />
        {(card.callback || card.outbound) && (
          <Tag tone="info">{t(card.callback ? 'card.callback' : 'card.outbound')}</Tag>
        )}
        <Flags reserved={card.reserved} />
      </div>
      <div className={classes.buttons}>
        {!offer.device && (
          <Button
            size="md"
            color="#0f7a48"
            leftSection={<IconPhone size={18} />}
            loading={answering}
            aria-keyshortcuts="Alt+A"
            data-action="accept"
            onClick={() => phone.dispatch({ type: 'accept' })}
          >
            {t('accept')}
          </Button>
        )}
        <Button
          size="md"
          variant="default"
          leftSection={<IconPhoneOff size={18} />}
          disabled={answering}
          aria-keyshortcuts="Alt+D"
          data-action="decline"
          onClick={() => phone.dispatch({ type: 'decline' })}
        >
          {t('decline')}
        </Button>
      </div>
    </section>
  );
}
