import { Textarea, Title } from '@mantine/core';
import { IconPhoneIncoming } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { colleagues, leads } from '../phone/machine';
import type { Card } from '../phone/protocol';
import { usePhoneState } from '../phone/react';
import { clock } from '../ui/format';
import { EmptyState, Facts } from '../ui/Page';
import { QueuePath, Tag } from '../ui/State';
import { Actions } from './Actions';
import { CallRecord } from './CallRecord';
import { ContactPanel } from './ContactPanel';
import classes from './desktop.module.css';
import { Flags } from './Flags';
import { From } from './From';
import { useNotes } from './notes';
import { usePartyName } from './party';

/** What is known of the call, from the first ring to the end of the wrap-up. */
export function CallCard() {
  const { t } = useTranslation('desktop');
  const offer = usePhoneState((s) => s.offer);
  const call = usePhoneState((s) => s.call);
  const card = offer?.card ?? call?.card;
  const party = offer ? offer.call : call?.id;
  const customer = card && !colleagues(card);
  return (
    <section className={classes.panel} aria-label={t('card.title')}>
      {card ? (
        <div className={classes.card}>
          <CardFacts card={card} consulted={Boolean(offer) || !leads(call)} />
          {call && !offer && call.state !== 'wrap_up' ? (
            <Notes call={call.id} />
          ) : (
            customer && <ContactPanel card={card} />
          )}
          {party && customer && <CallRecord key={party} call={party} choosing={!offer} />}
          {call && !offer && customer && (
            <Actions key={call.id} of={{ call_id: call.id }} asking={call.state !== 'connecting'} />
          )}
        </div>
      ) : (
        <div className={classes.noCard}>
          <EmptyState
            icon={<IconPhoneIncoming size={30} stroke={1.4} aria-hidden />}
            title={t('idleTitle')}
            text={t('idleText')}
          />
        </div>
      )}
    </section>
  );
}

function CardFacts({ card, consulted }: { card: Card; consulted: boolean }) {
  const { t } = useTranslation('desktop');
  const partyName = usePartyName();
  const data = Object.entries(card.data ?? {});
  return (
    <div style={{ display: 'flex', flexDirection: 'column', gap: 12 }}>
      <div>
        <Title order={2} fz="lg">
          {partyName(card)}
        </Title>
        {card.name && card.caller && <div className="quiet tnum">{card.caller}</div>}
      </div>
      {(card.consulted_by || card.transferred_by) && (
        <div>
          <From card={card} consulted={consulted} />
        </div>
      )}
      {card.callback && <Tag tone="info">{t('card.callback')}</Tag>}
      <Flags reserved={card.reserved} />
      <Facts
        rows={[
          [t('card.queue'), <QueuePath key="queue" path={card.queue_path} />],
          [
            t('card.dialled'),
            <span key="number" className="tnum">
              {card.number || '–'}
            </span>,
          ],
          ...(card.outbound ? [] : [waited(t('card.waited'), card)]),
        ]}
      />
      {card.summary && (
        <div>
          <Title order={3} mb={6}>
            {t('card.summary')}
          </Title>
          <p style={{ margin: 0, whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>{card.summary}</p>
        </div>
      )}
      {data.length > 0 && (
        <div>
          <Title order={3} mb={6}>
            {t('card.data')}
          </Title>
          <Facts rows={data} />
        </div>
      )}
    </div>
  );
}

function waited(label: string, card: Card): [string, ReactNode] {
  return [
    label,
    <span key="waited" className="tnum">
      {clock(card.waited_seconds ?? 0)}
    </span>,
  ];
}

function Notes({ call }: { call: string }) {
  const { t } = useTranslation('desktop');
  const [notes, setNotes] = useNotes(call);
  return (
    <Textarea
      label={t('notes')}
      description={t('notesHint')}
      placeholder={t('notesPlaceholder')}
      autosize
      minRows={9}
      maxRows={18}
      value={notes}
      onChange={(event) => setNotes(event.currentTarget.value)}
      data-field="call-notes"
    />
  );
}
