import { ActionIcon, Anchor, Drawer, Skeleton, Stack, Text, Title } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { contactQuery, ticketQuery } from '../api/queries';
import { useCan, useMe } from '../app/session';
import { Actions } from '../desktop/Actions';
import { ContactFacts } from '../desktop/ContactPanel';
import { Flags } from '../desktop/Flags';
import { TicketStatusTag } from '../tickets/TicketStatusTag';
import { Facts } from '../ui/Page';
import { DateTime } from '../ui/time';
import { useCloseLabel } from '../ui/useCloseLabel';
import { ChannelIcon } from './channels';
import classes from './inbox.module.css';
import { usePersonName } from './name';
import { earlierQuery } from './queries';
import type { Conversation } from './types';

/** Who the customer is to us: beside the conversation, or over it where there is no room. */
export function Details(props: { conversation: Conversation; drawer: boolean; onClose: () => void }) {
  const { t } = useTranslation(['inbox', 'common']);
  const close = useCloseLabel();
  if (props.drawer) {
    return (
      <Drawer opened onClose={props.onClose} title={t('details')} size={360} closeButtonProps={close}>
        <Content conversation={props.conversation} />
      </Drawer>
    );
  }
  return (
    <aside className={classes.details} aria-label={t('details')}>
      <div className={classes.detailsHead}>
        <Title order={2} fz="sm">
          {t('details')}
        </Title>
        <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t('common:close')} onClick={props.onClose}>
          <IconX size={14} />
        </ActionIcon>
      </div>
      <Content conversation={props.conversation} />
    </aside>
  );
}

function Content({ conversation }: { conversation: Conversation }) {
  const { t } = useTranslation('inbox');
  const can = useCan();
  const me = useMe().id;
  const contact = useQuery({ ...contactQuery(conversation.contact_id), enabled: can('read', 'contacts') });
  const name = usePersonName()(conversation);
  const { person } = conversation;
  const data = Object.entries(conversation.data ?? {});
  const identity = (
    [
      ['username', person.username],
      ['phone', person.phone],
      ['language', conversation.language || person.language],
      ['country', person.country],
      ['identity', person.id],
    ] as const
  ).flatMap(([key, value]): Array<[string, string]> => (value ? [[t(`person.${key}`), value]] : []));
  return (
    <Stack gap="md">
      <Flags reserved={conversation.reserved} />
      {contact.isPending && can('read', 'contacts') ? (
        <Skeleton height={90} />
      ) : contact.data ? (
        <ContactFacts contact={contact.data} fallback={name} />
      ) : (
        <Title order={3}>{name}</Title>
      )}
      {identity.length > 0 && (
        <section>
          <Title order={3} fz="sm" mb={6}>
            {t(`channels.${conversation.channel}`, conversation.channel)}
          </Title>
          <Facts rows={identity} />
        </section>
      )}
      {conversation.ticket_id && can('read', 'tickets') && <LinkedTicket id={conversation.ticket_id} />}
      <Actions
        key={conversation.id}
        of={{ conversation_id: conversation.id }}
        asking={conversation.owner_id === me && conversation.state === 'open'}
      />
      {data.length > 0 && (
        <section>
          <Title order={3} fz="sm" mb={6}>
            {t('data')}
          </Title>
          <Facts rows={data} />
        </section>
      )}
      <section>
        <Title order={3} fz="sm" mb={6}>
          {t('thisOne')}
        </Title>
        <Facts
          rows={[
            [t('opened'), <DateTime key="opened" time={conversation.opened_at} />],
            [t('firstReply'), <DateTime key="reply" time={conversation.first_reply_at} />],
            ...(conversation.closed_at
              ? ([
                  [t('closedAt'), <DateTime key="closed" time={conversation.closed_at} />],
                  [t('closedWhy'), t(`closeReason.${conversation.close_reason}`, conversation.close_reason ?? '–')],
                ] as Array<[string, React.ReactNode]>)
              : []),
            ...(conversation.disposition
              ? ([[t('disposition'), conversation.disposition]] as Array<[string, React.ReactNode]>)
              : []),
          ]}
        />
      </section>
      <Earlier conversation={conversation} />
    </Stack>
  );
}

function LinkedTicket({ id }: { id: string }) {
  const { t } = useTranslation('inbox');
  const ticket = useQuery(ticketQuery(id));
  if (!ticket.data) return null;
  return (
    <section>
      <Title order={3} fz="sm" mb={6}>
        {t('ticket')}
      </Title>
      <div style={{ display: 'flex', gap: 8, alignItems: 'baseline' }}>
        <TicketStatusTag status={ticket.data.status} />
        <Anchor component={Link} to={`/tickets/${id}`} size="sm" truncate>
          {`#${ticket.data.number} ${ticket.data.title}`}
        </Anchor>
      </div>
    </section>
  );
}

function Earlier({ conversation }: { conversation: Conversation }) {
  const { t } = useTranslation('inbox');
  const found = useQuery(earlierQuery(conversation.contact_id));
  const others = (found.data ?? []).filter((one) => one.id !== conversation.id);
  return (
    <section>
      <Title order={3} fz="sm" mb={6}>
        {t('earlier')}
      </Title>
      {found.data && others.length === 0 && (
        <Text size="sm" c="dimmed">
          {t('noEarlier')}
        </Text>
      )}
      <ul className={classes.earlier}>
        {others.map((one) => (
          <li key={one.id}>
            <Link to="/" search={(before) => ({ part: 'inbox', view: before.view, c: one.id })}>
              <ChannelIcon channel={one.channel} size={14} />
              <span className={classes.earlierText}>{one.last_text || t('noText')}</span>
              <DateTime time={one.last_at} short />
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
