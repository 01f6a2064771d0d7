import { Anchor, Button, Skeleton } from '@mantine/core';
import {
  IconArrowMerge,
  IconMessageCircle,
  IconNote,
  IconPhoneIncoming,
  IconPhoneOutgoing,
  IconTicket,
} from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { useAct } from '../api/useSave';
import { usePeople } from '../app/people';
import { useCan } from '../app/session';
import { ChannelIcon } from '../inbox/channels';
import { TicketStatusTag } from '../tickets/TicketStatusTag';
import { useConfirm } from '../ui/confirm';
import { ErrorNotice } from '../ui/ErrorNotice';
import { clock } from '../ui/format';
import { MoreButton } from '../ui/MoreButton';
import { EmptyState } from '../ui/Page';
import { DateTime } from '../ui/time';
import classes from './contacts.module.css';
import { activityQuery } from './queries';

type Entry = Schema['ContactActivity'];

/** What happened with a contact, the newest first; with `most`, so many and no button for more. */
export function Activity({ contact, most }: { contact: string; most?: number }) {
  const { t } = useTranslation('contacts');
  const activity = useInfiniteQuery(activityQuery(contact));
  if (activity.isPending) return <Skeleton height={120} />;
  if (activity.error && !activity.data) return <ErrorNotice error={activity.error} onRetry={activity.refetch} />;
  const all = activity.data?.pages.flatMap((page) => page.items) ?? [];
  if (all.length === 0) {
    return most ? <span className="quiet">{t('noActivity')}</span> : <EmptyState title={t('noActivity')} />;
  }
  return (
    <>
      <ol className={classes.timeline}>
        {all.slice(0, most).map((entry) => (
          <li key={entry.id}>
            <span className={classes.icon}>
              <Sign entry={entry} />
            </span>
            <div className={classes.happened}>
              <div className={classes.head}>
                <Title entry={entry} />
                <span className="quiet">
                  <DateTime time={entry.at} short />
                </span>
              </div>
              <Detail entry={entry} contact={contact} />
            </div>
          </li>
        ))}
      </ol>
      {most === undefined && <MoreButton query={activity} />}
    </>
  );
}

function Sign({ entry }: { entry: Entry }) {
  if (entry.kind === 'conversation') return <ChannelIcon channel={entry.channel ?? ''} size={15} />;
  const Icon = {
    call: entry.direction === 'outbound' ? IconPhoneOutgoing : IconPhoneIncoming,
    ticket: IconTicket,
    note: IconNote,
    merge: IconArrowMerge,
    conversation: IconMessageCircle,
  }[entry.kind];
  return <Icon size={15} aria-hidden />;
}

function Title({ entry }: { entry: Entry }): ReactNode {
  const { t } = useTranslation('contacts');
  switch (entry.kind) {
    case 'ticket':
      return (
        <Anchor component={Link} to={`/tickets/${entry.id}`} size="sm" truncate>
          {`#${entry.number} ${entry.text ?? ''}`}
        </Anchor>
      );
    case 'conversation':
      return (
        <Anchor component={Link} to={`/?part=inbox&c=${entry.id}`} size="sm">
          {t('activityOf.conversation')}
        </Anchor>
      );
    case 'call':
      return <strong>{t(entry.direction ? `activityOf.${entry.direction}` : 'activityOf.call')}</strong>;
    case 'merge':
      return <strong>{t(entry.state === 'undone' ? 'activityOf.undone' : 'activityOf.merge')}</strong>;
    default:
      return <strong>{t('activityOf.note')}</strong>;
  }
}

function Detail({ entry, contact }: { entry: Entry; contact: string }) {
  const { t } = useTranslation('contacts');
  const { nameOf } = usePeople();
  const can = useCan();
  const who = nameOf(entry.by);
  const said = [
    entry.kind === 'call' && entry.seconds ? t('talked', { time: clock(entry.seconds) }) : '',
    entry.kind === 'ticket' ? '' : entry.text,
    who,
  ];
  return (
    <div className={classes.detail}>
      {entry.kind === 'ticket' && <TicketStatusTag status={entry.state as Schema['Ticket']['status']} />}
      <span>{said.filter(Boolean).join(' · ')}</span>
      {entry.kind === 'merge' && entry.state === 'undoable' && can('write', 'contacts') && (
        <Undo merge={entry.id} contact={contact} />
      )}
    </div>
  );
}

function Undo({ merge, contact }: { merge: string; contact: string }) {
  const { t } = useTranslation('contacts');
  const navigate = useNavigate();
  const confirm = useConfirm();
  const undo = useAct({
    act: async () => {
      const back = await body(
        api.POST('/api/v1/contacts/{id}/merges/{merge}/undo', { params: { path: { id: contact, merge } } }),
      );
      await navigate({ to: '/contacts/$id', params: { id: back.id } });
    },
    nouns: ['contacts', 'tickets', 'conversations'],
  });
  return (
    <Button
      variant="subtle"
      size="compact-xs"
      loading={undo.isPending}
      onClick={() =>
        confirm({ title: t('undoTitle'), text: t('undoText'), action: t('undo'), onConfirm: () => undo.mutate() })
      }
    >
      {t('undo')}
    </Button>
  );
}
