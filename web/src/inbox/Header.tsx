import { ActionIcon, Button, Menu } from '@mantine/core';
import {
  IconArrowLeft,
  IconCheck,
  IconClock,
  IconDots,
  IconHandGrab,
  IconLayoutSidebarRight,
  IconMoonStars,
  IconRotateClockwise,
  IconShare3,
  IconTicket,
  IconUserPlus,
} from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAct } from '../api/useSave';
import { useCan, useMe } from '../app/session';
import { QueuePath, State, Tag } from '../ui/State';
import { DateTime } from '../ui/time';
import { CloseDialog } from './CloseDialog';
import { CollaboratorsDialog } from './CollaboratorsDialog';
import { ChannelIcon } from './channels';
import { useColleagues } from './colleagues';
import classes from './inbox.module.css';
import { usePersonName } from './name';
import * as routes from './routes';
import { SnoozeMenu } from './SnoozeMenu';
import { TicketDialog } from './TicketDialog';
import { TransferDialog } from './TransferDialog';
import type { Conversation } from './types';
import { useConversationKeys } from './useInboxKeys';

type Dialog = 'transfer' | 'close' | 'collaborators' | 'ticket';

/** Who it is, where they come from, whose they are; and what can be done with the conversation. */
export function ConversationHeader(props: {
  conversation: Conversation;
  details: boolean;
  onDetails: () => void;
  onClose: () => void;
}) {
  const { t } = useTranslation(['inbox', 'common']);
  const { conversation } = props;
  const name = usePersonName()(conversation);
  const [dialog, setDialog] = useState<Dialog>();
  const [snoozing, setSnoozing] = useState(false);
  const me = useMe().id;
  const can = useCan();
  const mine = conversation.owner_id === me;
  const live = conversation.state !== 'closed';
  const write = can('write', 'conversations');
  const nouns = ['conversations', 'messages'];
  const take = useAct({ act: () => routes.take(conversation.id), nouns });
  const reopen = useAct({ act: () => routes.reopen(conversation.id), nouns });
  useConversationKeys({
    transfer: mine && live ? () => setDialog('transfer') : undefined,
    close: mine && live ? () => setDialog('close') : undefined,
    snooze: mine && live ? () => setSnoozing(true) : undefined,
    take: write && !mine && live ? () => take.mutate() : undefined,
  });
  const done = () => setDialog(undefined);
  return (
    <header className={classes.head}>
      <ActionIcon className={classes.back} variant="subtle" color="gray" aria-label={t('back')} onClick={props.onClose}>
        <IconArrowLeft size={18} />
      </ActionIcon>
      <div className={classes.who}>
        <h2 className={classes.whoName}>{name}</h2>
        <div className={classes.whoFacts}>
          <ChannelIcon channel={conversation.channel} size={14} />
          <span>{conversation.account.label}</span>
          <QueuePath path={conversation.queue_path} />
          <Owner conversation={conversation} me={me} />
        </div>
      </div>
      {write && live && !mine && (
        <Button
          size="compact-md"
          leftSection={<IconHandGrab size={16} />}
          loading={take.isPending}
          data-action="take"
          onClick={() => take.mutate()}
        >
          {t('take')}
        </Button>
      )}
      {mine && live && (
        <div className={classes.headActions}>
          <Action
            icon={<IconShare3 size={17} />}
            label={t('transfer')}
            keys="Alt+T"
            onClick={() => setDialog('transfer')}
          />
          <SnoozeMenu conversation={conversation} opened={snoozing} onOpened={setSnoozing} />
          <Button
            size="compact-md"
            variant="default"
            leftSection={<IconCheck size={16} />}
            aria-keyshortcuts="Alt+E"
            data-action="close"
            onClick={() => setDialog('close')}
          >
            {t('close')}
          </Button>
        </div>
      )}
      {write && (
        <Menu position="bottom-end" width={230} shadow="md">
          <Menu.Target>
            <ActionIcon variant="subtle" color="gray" aria-label={t('common:actions')} data-action="more">
              <IconDots size={18} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            {live && (
              <Menu.Item leftSection={<IconUserPlus size={15} />} onClick={() => setDialog('collaborators')}>
                {t('collaborators')}
              </Menu.Item>
            )}
            <Menu.Item leftSection={<IconTicket size={15} />} onClick={() => setDialog('ticket')}>
              {t('ticket')}
            </Menu.Item>
            {live && !mine && conversation.owner_kind !== 'none' && (
              <Menu.Item leftSection={<IconShare3 size={15} />} onClick={() => setDialog('transfer')}>
                {t('transfer')}
              </Menu.Item>
            )}
            {conversation.state !== 'open' && (
              <Menu.Item leftSection={<IconRotateClockwise size={15} />} onClick={() => reopen.mutate()}>
                {t('reopen')}
              </Menu.Item>
            )}
          </Menu.Dropdown>
        </Menu>
      )}
      <ActionIcon
        variant={props.details ? 'light' : 'subtle'}
        color="gray"
        aria-label={t('details')}
        aria-pressed={props.details}
        aria-keyshortcuts="Alt+C"
        onClick={props.onDetails}
        data-action="details"
      >
        <IconLayoutSidebarRight size={18} />
      </ActionIcon>
      {dialog === 'transfer' && <TransferDialog conversation={conversation} name={name} onClose={done} />}
      {dialog === 'close' && <CloseDialog conversation={conversation} onClose={done} />}
      {dialog === 'collaborators' && <CollaboratorsDialog conversation={conversation} onClose={done} />}
      {dialog === 'ticket' && <TicketDialog conversation={conversation} name={name} onClose={done} />}
    </header>
  );
}

function Action(props: { icon: React.ReactNode; label: string; keys: string; onClick: () => void }) {
  return (
    <ActionIcon
      variant="default"
      size={30}
      aria-label={props.label}
      title={`${props.label} (${props.keys})`}
      aria-keyshortcuts={props.keys}
      onClick={props.onClick}
    >
      {props.icon}
    </ActionIcon>
  );
}

function Owner({ conversation, me }: { conversation: Conversation; me: string }) {
  const { t } = useTranslation('inbox');
  const colleagues = useColleagues();
  const others = (conversation.collaborators ?? [])
    .filter((id) => id !== me)
    .map((id) => colleagues.find((one) => one.id === id)?.name ?? '')
    .filter(Boolean);
  return (
    <>
      {conversation.state === 'closed' ? (
        <State tone="quiet">{t('state.closed')}</State>
      ) : conversation.state === 'snoozed' ? (
        <span className={classes.mark}>
          <IconMoonStars size={14} aria-hidden />
          {conversation.snoozed_until ? (
            <span>
              {t('snoozedUntil')} <DateTime time={conversation.snoozed_until} short />
            </span>
          ) : (
            t('snoozedReply')
          )}
        </span>
      ) : conversation.owner_kind === 'none' ? (
        <span className={classes.mark} data-tone="warn">
          <IconClock size={14} aria-hidden /> {t('nobody')}
        </span>
      ) : (
        <span>{conversation.owner_id === me ? t('yours') : conversation.owner_name || t('bot')}</span>
      )}
      {others.length > 0 && <span>{t('with', { names: others.join(', ') })}</span>}
      {!conversation.reachable && <Tag tone="bad">{t('unreachable')}</Tag>}
      {conversation.account.state !== 'ok' && <Tag tone="warn">{t(`account.${conversation.account.state}`)}</Tag>}
    </>
  );
}
