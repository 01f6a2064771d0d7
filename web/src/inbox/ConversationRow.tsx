import { IconClock, IconMoonStars, IconPencil, IconRobot } from '@tabler/icons-react';
import { memo } from 'react';
import { useTranslation } from 'react-i18next';
import { useMe } from '../app/session';
import { DateTime, Elapsed } from '../ui/time';
import { ChannelIcon } from './channels';
import { hasDraft } from './drafts';
import classes from './inbox.module.css';
import { useTyping } from './live';
import { usePersonName } from './name';
import type { Conversation } from './types';

/** One conversation of the list. Drawn again only when it has changed itself. */
export const ConversationRow = memo(function ConversationRow(props: {
  row: Conversation;
  index: number;
  open: boolean;
  onOpen: (id: string) => void;
  onNear: (id: string) => void;
}) {
  const { t } = useTranslation('inbox');
  const name = usePersonName();
  const me = useMe().id;
  const typing = useTyping(props.row.id);
  const { row } = props;
  const draft = !props.open && hasDraft(me, row.id);
  return (
    <button
      type="button"
      className={classes.row}
      data-index={props.index}
      data-conversation={row.id}
      data-unread={row.unread > 0 || undefined}
      aria-current={props.open || undefined}
      onClick={() => props.onOpen(row.id)}
      onPointerEnter={() => props.onNear(row.id)}
    >
      <span className={classes.rowHead}>
        <ChannelIcon channel={row.channel} />
        <span className={classes.rowName}>{name(row)}</span>
        <span className={classes.rowTime}>
          <DateTime time={row.last_at} short />
        </span>
      </span>
      <span className={classes.rowLine}>
        <span className={classes.rowText}>
          {typing ? (
            <em>{t('typing')}</em>
          ) : draft ? (
            <>
              <IconPencil size={13} aria-hidden /> {t('draft')}
            </>
          ) : (
            <>
              {row.last_direction === 'out' && <span className="quiet">{t('you')} </span>}
              {row.last_text || t('noText')}
            </>
          )}
        </span>
        {row.unread > 0 && (
          <span className={classes.badge}>
            {row.unread > 99 ? '99+' : row.unread}
            <span className="sr-only"> {t('unread')}</span>
          </span>
        )}
      </span>
      <span className={classes.rowFoot}>
        <span className={classes.rowQueue}>{row.queue_path?.[row.queue_path.length - 1] ?? row.account.label}</span>
        <RowState row={row} />
      </span>
    </button>
  );
});

function RowState({ row }: { row: Conversation }) {
  const { t } = useTranslation('inbox');
  if (row.state === 'closed') return <span>{t('state.closed')}</span>;
  if (row.state === 'snoozed')
    return (
      <span className={classes.mark}>
        <IconMoonStars size={13} aria-hidden /> {t('state.snoozed')}
      </span>
    );
  if (row.waiting_since)
    return (
      <span className={classes.mark} data-tone="warn" title={t('waitingSince')}>
        <IconClock size={13} aria-hidden />
        <span className="sr-only">{t('waitingSince')} </span>
        <Elapsed since={row.waiting_since} />
      </span>
    );
  if (row.owner_kind === 'bot')
    return (
      <span className={classes.mark}>
        <IconRobot size={13} aria-hidden /> {row.owner_name || t('bot')}
      </span>
    );
  if (row.owner_name) return <span className={classes.rowOwner}>{row.owner_name}</span>;
  return null;
}
