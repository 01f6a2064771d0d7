import { Tooltip } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { channelsQuery, queuesQuery } from '../../api/queries';
import { ChannelIcon } from '../../inbox/channels';
import type { Column } from '../../ui/DataTable';
import { State } from '../../ui/State';
import { DateTime } from '../../ui/time';
import classes from '../admin.module.css';
import { ListPage } from '../ListPage';
import { AccountForm } from './AccountForm';
import { type Account, stateOf, tones } from './account';

/** Accounts on messaging platforms, and widgets: by what customers reach us in writing. */
export function Channels() {
  const { t } = useTranslation(['channels', 'common', 'admin']);
  const queues = useQuery(queuesQuery);
  const accounts = useQuery(channelsQuery);
  const columns = useMemo((): Column<Account>[] => {
    const names = new Map(queues.data?.map((q) => [q.id, q.name]));
    return [
      {
        id: 'label',
        header: t('label'),
        sort: (a) => a.label,
        cell: (a) => (
          <span className={classes.swatched}>
            <ChannelIcon channel={a.channel} size={18} />
            <span>
              <strong style={{ fontWeight: 550 }}>{a.label}</strong>
              {a.label !== a.name && <span className="quiet"> {a.name}</span>}
            </span>
          </span>
        ),
      },
      {
        id: 'channel',
        header: t('channel'),
        width: 120,
        sort: (a) => t(`inbox:channels.${a.channel}`, a.channel),
        cell: (a) => t(`inbox:channels.${a.channel}`, a.channel),
      },
      {
        id: 'queue',
        header: t('queue'),
        width: 160,
        sort: (a) => names.get(a.queue_id ?? '') ?? '',
        cell: (a) => names.get(a.queue_id ?? '') ?? <span className="quiet">–</span>,
      },
      {
        id: 'state',
        header: t('common:state'),
        width: 210,
        sort: (a) => stateOf(a),
        cell: (a) => (
          <Tooltip label={a.state_reason} disabled={!a.state_reason} multiline maw={320}>
            <span>
              <State tone={tones[stateOf(a)]}>{t(`state.${stateOf(a)}`)}</State>
            </span>
          </Tooltip>
        ),
      },
      {
        id: 'hook',
        header: t('hookAt'),
        width: 130,
        sort: (a) => a.hook_at ?? '',
        cell: (a) => (a.hook_at ? <DateTime time={a.hook_at} short /> : <span className="quiet">{t('never')}</span>),
      },
      {
        id: 'waiting',
        header: t('waiting'),
        hint: t('waitingHint'),
        width: 110,
        align: 'right',
        sort: (a) => a.waiting,
        cell: (a) => <span className="tnum">{a.waiting}</span>,
      },
      {
        id: 'dead',
        header: t('dead'),
        hint: t('deadHint'),
        width: 110,
        align: 'right',
        sort: (a) => a.dead,
        cell: (a) => (
          <span className="tnum" style={a.dead > 0 ? { color: 'var(--t-bad)', fontWeight: 550 } : undefined}>
            {a.dead}
          </span>
        ),
      },
    ];
  }, [t, queues.data]);
  return (
    <ListPage
      title={t('admin:parts.channels')}
      noun="channels"
      add={t('add')}
      query={accounts}
      columns={columns}
      rowKey={(a) => a.id}
      sortBy={{ id: 'label', desc: false }}
      empty={t('empty')}
      emptyText={t('emptyText')}
      // What is shown of an account follows the list: a test changes its state while the form is open.
      form={(chosen, onClose) => (
        <AccountForm account={accounts.data?.find((a) => a.id === chosen?.id) ?? chosen} onClose={onClose} />
      )}
    />
  );
}
