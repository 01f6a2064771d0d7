import { Anchor, Drawer, Group, Skeleton, Stack, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { contactQuery, ticketQuery } from '../api/queries';
import { useCan } from '../app/session';
import { contactName } from '../contacts/name';
import { Flags } from '../desktop/Flags';
import { ChannelIcon } from '../inbox/channels';
import { usePersonName } from '../inbox/name';
import { useNames } from '../inbox/names';
import { conversationQuery, stepsQuery } from '../inbox/queries';
import type { Conversation } from '../inbox/types';
import { ErrorNotice } from '../ui/ErrorNotice';
import { Facts } from '../ui/Page';
import { QueuePath, State } from '../ui/State';
import { DateTime } from '../ui/time';
import { useCloseLabel } from '../ui/useCloseLabel';
import { ChatActions, useChatRights } from './ChatActions';
import classes from './supervisor.module.css';

/** Everything about one chat: who takes part, what happened to it, and its record in the CRM. */
export function ChatDetails({ id, onClose }: { id: string | undefined; onClose: () => void }) {
  const { t } = useTranslation('supervisor');
  return (
    <Drawer
      opened={id !== undefined}
      onClose={onClose}
      title={t('chatDetails')}
      size={480}
      closeButtonProps={useCloseLabel()}
    >
      {id && <Details id={id} />}
    </Drawer>
  );
}

function Details({ id }: { id: string }) {
  const { t } = useTranslation(['supervisor', 'inbox']);
  const found = useQuery(conversationQuery(id));
  const name = usePersonName();
  const rights = useChatRights();
  const chat = found.data;
  if (found.error && !chat) return <ErrorNotice error={found.error} onRetry={() => void found.refetch()} />;
  if (!chat) return <Skeleton height={280} />;
  return (
    <Stack gap="lg">
      <Group justify="space-between" align="start" wrap="nowrap">
        <div>
          <Title order={2} fz="lg">
            {name(chat)}
          </Title>
          <span className={classes.cell}>
            <ChannelIcon channel={chat.channel} size={15} />
            <QueuePath path={chat.queue_path} />
          </span>
        </div>
        <Group gap="xs" wrap="nowrap">
          <State tone={chat.state === 'open' ? 'good' : 'quiet'}>{t(`inbox:state.${chat.state}`)}</State>
          {chat.state !== 'closed' && (
            <ChatActions
              chat={{ id, name: name(chat), priority: chat.priority, waits: chat.owner_kind === 'none' }}
              rights={rights}
            />
          )}
        </Group>
      </Group>
      <Flags reserved={chat.reserved} />
      <ChatFacts chat={chat} />
      <Record chat={chat} />
      <Steps id={id} />
    </Stack>
  );
}

function ChatFacts({ chat }: { chat: Conversation }) {
  const { t } = useTranslation(['supervisor', 'inbox']);
  const names = useNames();
  const rows: Array<[string, React.ReactNode]> = [
    [t('account'), chat.account.label],
    [t('agent'), chat.owner_name || t('inbox:nobody')],
    [t('inbox:collaborators'), chat.collaborators.map((one) => names.agent(one)).join(', ') || '–'],
    [t('inbox:opened'), <DateTime key="opened" time={chat.opened_at} />],
    [t('inbox:firstReply'), <DateTime key="first" time={chat.first_reply_at} />],
    [t('priority'), chat.priority],
  ];
  if (chat.close_reason)
    rows.push([t('inbox:closedWhy'), t(`inbox:closeReason.${chat.close_reason}`, chat.close_reason)]);
  if (chat.disposition) rows.push([t('disposition'), chat.disposition]);
  for (const [key, value] of Object.entries(chat.data ?? {})) rows.push([key, value]);
  return <Facts rows={rows} />;
}

/** The customer and the ticket in the CRM. */
function Record({ chat }: { chat: Conversation }) {
  const { t } = useTranslation('supervisor');
  const can = useCan();
  const name = usePersonName()(chat);
  const contact = useQuery({ ...contactQuery(chat.contact_id), enabled: can('read', 'contacts') });
  const ticket = useQuery({
    ...ticketQuery(chat.ticket_id ?? ''),
    enabled: chat.ticket_id !== undefined && can('read', 'tickets'),
  });
  if (!contact.data && !ticket.data) return null;
  return (
    <section>
      <Title order={3} mb="xs">
        {t('crmRecord')}
      </Title>
      <Stack gap={4} align="flex-start">
        {contact.data && (
          <Anchor component={Link} to={`/contacts/${contact.data.id}`} size="sm">
            {contactName(contact.data) || name}
          </Anchor>
        )}
        {ticket.data && (
          <Anchor component={Link} to={`/tickets/${ticket.data.id}`} size="sm">
            {`#${ticket.data.number} ${ticket.data.title}`}
          </Anchor>
        )}
      </Stack>
    </section>
  );
}

/** Offers, transfers and the rest, as they happened. */
function Steps({ id }: { id: string }) {
  const { t } = useTranslation('supervisor');
  const found = useQuery(stepsQuery(id));
  const names = useNames();
  const about = (step: Schema['ConversationStep']): string =>
    [
      step.agent_id && names.agent(step.agent_id),
      step.detail?.agent && `→ ${names.agent(step.detail.agent)}`,
      step.queue_id && names.queue(step.queue_id),
      step.detail?.reason && t(`inbox:closeReason.${step.detail.reason}`, step.detail.reason),
    ]
      .filter(Boolean)
      .join(' · ');
  return (
    <section>
      <Title order={3} mb="xs">
        {t('history')}
      </Title>
      {found.error && <ErrorNotice error={found.error} onRetry={() => void found.refetch()} />}
      <ol className={classes.steps}>
        {found.data?.map((step) => (
          <li key={`${step.at} ${step.what}`}>
            <strong>{t(`step.${step.what}`, step.what)}</strong>{' '}
            <span className="quiet">
              <DateTime time={step.at} short />
            </span>
            <div>{about(step)}</div>
          </li>
        ))}
      </ol>
    </section>
  );
}
