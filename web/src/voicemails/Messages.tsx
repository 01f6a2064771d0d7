import { SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { queuesQuery, voicemailsQuery } from '../api/queries';
import { usePeople } from '../app/people';
import { type Column, DataTable } from '../ui/DataTable';
import { clock } from '../ui/format';
import { SearchInput } from '../ui/SearchInput';
import { State, Tag } from '../ui/State';
import { DateTime } from '../ui/time';
import { Message } from './Message';
import classes from './voicemails.module.css';

type Voicemail = Schema['VoicemailRow'];

const tones = { unread: 'bad', read: 'quiet', assigned: 'info', done: 'good' } as const;

/** The messages of the queues that one serves, and what is done with them. */
export function Messages() {
  const { t } = useTranslation(['voicemail', 'common']);
  const [state, setState] = useState<'open' | 'all'>('open');
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState('');
  const mails = useQuery(voicemailsQuery(state));
  const queues = useQuery(queuesQuery);
  const { nameOf } = usePeople();
  const wanted = text.trim().toLowerCase();
  const rows = mails.data?.filter((m) => `${m.name} ${m.number}`.toLowerCase().includes(wanted));
  const mail = mails.data?.find((m) => m.id === chosen);
  const columns = useMemo((): Column<Voicemail>[] => {
    const names = new Map(queues.data?.map((q) => [q.id, q.name]));
    return [
      {
        id: 'state',
        header: t('common:state'),
        width: 130,
        sort: (m) => m.state,
        cell: (m) => <State tone={tones[m.state]}>{t(`states.${m.state}`)}</State>,
      },
      {
        id: 'caller',
        header: t('caller'),
        sort: (m) => m.name || m.number,
        cell: (m) => (
          <strong style={{ fontWeight: m.state === 'unread' ? 650 : 450 }}>
            {[m.name, m.number].filter(Boolean).join(' · ') || t('common:withheld')}
          </strong>
        ),
      },
      {
        id: 'box',
        header: t('box'),
        cell: (m) =>
          (m.agent_id ? nameOf(m.agent_id) : names.get(m.queue_id ?? '')) || <span className="quiet">–</span>,
      },
      {
        id: 'why',
        header: t('why'),
        width: 180,
        cell: (m) => <Tag tone={m.why === 'after_hours' ? 'warn' : 'quiet'}>{t(`whys.${m.why}`)}</Tag>,
      },
      {
        id: 'assigned',
        header: t('assigned'),
        width: 150,
        cell: (m) => nameOf(m.assigned_to) || <span className="quiet">–</span>,
      },
      {
        id: 'length',
        header: t('length'),
        width: 90,
        align: 'right',
        sort: (m) => m.seconds,
        cell: (m) => <span className="tnum">{clock(m.seconds)}</span>,
      },
      {
        id: 'left',
        header: t('left'),
        width: 150,
        align: 'right',
        sort: (m) => Date.parse(m.left_at),
        cell: (m) => <DateTime time={m.left_at} short />,
      },
    ];
  }, [t, queues.data, nameOf]);
  return (
    <>
      <div className={classes.toolbar}>
        <SearchInput label={t('search')} value={text} onChange={setText} />
        <SegmentedControl
          aria-label={t('common:state')}
          value={state}
          onChange={(value) => setState(value as 'open' | 'all')}
          data={[
            { value: 'open', label: t('open') },
            { value: 'all', label: t('all') },
          ]}
        />
      </div>
      <DataTable
        label={t('messages')}
        rows={rows}
        loading={mails.isPending}
        error={mails.error}
        onRetry={mails.refetch}
        columns={columns}
        rowKey={(m) => m.id}
        selected={chosen}
        onOpen={(m) => setChosen(m.id)}
        sortBy={{ id: 'left', desc: true }}
        empty={mails.data?.length ? t('noMatch') : t('empty')}
        emptyText={mails.data?.length ? undefined : t('emptyText')}
      />
      {mail && <Message mail={mail} onClose={() => setChosen('')} />}
    </>
  );
}
