import { Anchor, Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { queueMembersQuery, queuesQuery, teamsQuery } from '../api/queries';
import type { LiveList } from '../app/liveLists';
import { useCan } from '../app/session';
import { type Column, DataTable } from '../ui/DataTable';
import { SearchInput } from '../ui/SearchInput';
import { State, Tag } from '../ui/State';
import { Elapsed, useNow } from '../ui/time';
import { AgentActions } from './AgentActions';
import { presences, tones } from './presences';
import classes from './supervisor.module.css';
import { useWorkText } from './work';

type Agent = Schema['AgentStatus'];

const states = ['IDLE', 'ALERTING', 'INTERACTING', 'HELD', 'WRAP_UP', 'NOT_RESPONDING', 'UNREACHABLE'] as const;

/** Agents with what they do at the moment. */
export function AgentsLive(props: {
  agents: LiveList<Agent>;
  open: string | undefined;
  onOpen: (agent: string) => void;
  onOpenCall: (id: string) => void;
  onOpenChat: (id: string) => void;
}) {
  const { t } = useTranslation(['supervisor', 'common']);
  const can = useCan();
  const [filters, setFilters] = useState({ text: '', presence: '', state: '', team: '', queue: '' });
  const set = (change: Partial<typeof filters>) => setFilters({ ...filters, ...change });
  const teams = useQuery({ ...teamsQuery, enabled: can('read', 'teams') });
  const queues = useQuery({ ...queuesQuery, enabled: can('read', 'queues') });
  const members = useQuery({ ...queueMembersQuery(filters.queue), enabled: filters.queue !== '' });
  const { onOpenCall, onOpenChat } = props;
  const [monitor, presence] = [can('monitor', 'calls'), can('presence', 'agents')];
  const columns = useMemo(
    (): Column<Agent>[] => [
      {
        id: 'agent',
        header: t('agent'),
        sort: (a) => a.name,
        cell: (a) => <strong style={{ fontWeight: 550 }}>{a.name}</strong>,
      },
      {
        id: 'presence',
        header: t('presence'),
        width: 230,
        sort: (a) => presences.indexOf(a.presence),
        cell: (a) => <PresenceCell agent={a} />,
      },
      {
        id: 'since',
        header: t('since'),
        width: 90,
        align: 'right',
        sort: (a) => Date.parse(a.presence_at),
        cell: (a) => (a.always_available ? <span className="quiet">–</span> : <Elapsed since={a.presence_at} />),
      },
      {
        id: 'work',
        header: t('work'),
        width: 220,
        sort: (a) => -a.used,
        cell: (a) => <WorkCell agent={a} onOpenCall={onOpenCall} onOpenChat={onOpenChat} />,
      },
      {
        id: 'idle',
        header: t('idle'),
        width: 90,
        align: 'right',
        sort: (a) => Date.parse(a.idle_since),
        cell: (a) => (a.items.length > 0 ? <span className="quiet">–</span> : <Elapsed since={a.idle_since} />),
      },
      {
        id: 'missed',
        header: t('missed'),
        width: 90,
        align: 'right',
        sort: (a) => -a.missed,
        cell: (a) => <span className="tnum">{a.missed}</span>,
      },
      {
        id: 'actions',
        header: t('common:actions'),
        actions: true,
        align: 'right',
        width: 84,
        cell: (a) => <AgentActions agent={a} monitor={monitor} presence={presence} />,
      },
    ],
    [t, onOpenCall, onOpenChat, monitor, presence],
  );
  const wanted = filters.text.trim().toLowerCase();
  const team = teams.data?.find((one) => one.id === filters.team);
  const rows = props.agents.rows?.filter(
    (a) =>
      (!filters.presence || a.presence === filters.presence) &&
      (!filters.state || a.state === filters.state) &&
      (!team || team.members.includes(a.id)) &&
      (!filters.queue || members.data?.agents.includes(a.id)) &&
      a.name.toLowerCase().includes(wanted),
  );
  const none = props.agents.rows?.length === 0;
  const select = (
    name: keyof typeof filters,
    label: string,
    all: string,
    data: Array<{ value: string; label: string }>,
  ) => (
    <Select
      aria-label={label}
      w={170}
      searchable={data.length > 8}
      data={[{ value: '', label: all }, ...data]}
      value={filters[name]}
      onChange={(value) => set({ [name]: value ?? '' })}
    />
  );
  return (
    <>
      <div className={classes.toolbar}>
        <SearchInput label={t('searchAgents')} value={filters.text} onChange={(text) => set({ text })} />
        {select(
          'presence',
          t('presence'),
          t('allPresences'),
          presences.map((p) => ({ value: p, label: t(`common:presence.${p}`) })),
        )}
        {select(
          'state',
          t('state'),
          t('allStates'),
          states.map((s) => ({ value: s, label: s === 'INTERACTING' ? t('withCustomers') : t(`common:routing.${s}`) })),
        )}
        {queues.data &&
          select(
            'queue',
            t('queue'),
            t('allQueues'),
            queues.data.filter((q) => q.leaf).map((q) => ({ value: q.id, label: q.name })),
          )}
        {teams.data &&
          select(
            'team',
            t('team'),
            t('allTeams'),
            teams.data.map((one) => ({ value: one.id, label: one.name })),
          )}
      </div>
      <DataTable
        label={t('agents')}
        rows={rows}
        loading={!props.agents.rows}
        columns={columns}
        rowKey={idOf}
        onOpen={(a) => props.onOpen(a.id)}
        selected={props.open ?? ''}
        sortBy={{ id: 'presence', desc: false }}
        empty={none ? t('emptyAgents') : t('noMatch')}
        emptyText={none ? t('emptyAgentsText') : undefined}
      />
    </>
  );
}

const idOf = (agent: Agent): string => agent.id;

/** Marks a presence that lasts longer than its reason allows. */
function Overrun({ until }: { until: string | undefined }) {
  const { t } = useTranslation('common');
  const now = useNow();
  if (!until || Date.parse(until) > now) return null;
  return <Tag tone="bad">{t('presence.overrun')}</Tag>;
}

export function PresenceCell({ agent }: { agent: Agent }) {
  const { t } = useTranslation(['supervisor', 'common']);
  if (agent.always_available) return <State tone="good">{t('always')}</State>;
  const name = t(`common:presence.${agent.presence}`);
  const reason = agent.reason ? t(`common:presence.away.${agent.reason}`, agent.reason) : '';
  return (
    <span style={{ display: 'inline-flex', gap: 8 }}>
      <State tone={tones[agent.presence] ?? 'quiet'}>{reason ? `${name}: ${reason}` : name}</State>
      {(agent.state === 'NOT_RESPONDING' || agent.state === 'UNREACHABLE') && (
        <Tag tone="bad">{t(`common:routing.${agent.state}`)}</Tag>
      )}
      <Overrun until={agent.presence_until} />
      {agent.next_presence && (
        <span className="quiet">
          {t('common:presence.next')}: {agent.next_reason || t(`common:presence.${agent.next_presence}`)}
        </span>
      )}
    </span>
  );
}

function WorkCell(props: { agent: Agent; onOpenCall: (id: string) => void; onOpenChat: (id: string) => void }) {
  const workText = useWorkText();
  const { agent, onOpenCall, onOpenChat } = props;
  if (agent.items.length === 0) return <span className="quiet">–</span>;
  return agent.items.map((w) => (
    <div key={w.item}>
      <Anchor
        component="button"
        type="button"
        size="sm"
        onClick={(event) => {
          event.stopPropagation();
          if (w.kind === 'chat') onOpenChat(w.item);
          else onOpenCall(w.item);
        }}
      >
        {workText({ state: w.state, items: [w] })}
      </Anchor>{' '}
      <span className="quiet">
        <Elapsed since={w.state_at} />
      </span>
    </div>
  ));
}
