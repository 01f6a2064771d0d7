import { ActionIcon, Anchor, Menu, Select } from '@mantine/core';
import { IconDotsVertical } from '@tabler/icons-react';
import type { UseQueryResult } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, type Schema } from '../api/client';
import { useAct } from '../api/useSave';
import { useCan } from '../app/session';
import { type Column, DataTable } from '../ui/DataTable';
import { SearchInput } from '../ui/SearchInput';
import { State, Tag, type Tone } from '../ui/State';
import { Elapsed } from '../ui/time';
import classes from './supervisor.module.css';

type Agent = Schema['AgentStatus'];

const presences = ['AVAILABLE', 'BUSY', 'AWAY', 'OFFLINE'] as const;
const tones: Record<string, Tone> = { AVAILABLE: 'good', BUSY: 'bad', AWAY: 'warn', OFFLINE: 'quiet' };

export function AgentsLive({
  agents,
  onOpenCall,
}: {
  agents: UseQueryResult<Agent[]>;
  onOpenCall: (id: string) => void;
}) {
  const { t } = useTranslation(['supervisor', 'common']);
  const can = useCan();
  const [text, setText] = useState('');
  const [presence, setPresence] = useState('');
  const mayPresence = can('presence', 'agents');
  const columns = useMemo((): Column<Agent>[] => {
    const all: Column<Agent>[] = [
      {
        id: 'agent',
        header: t('agent'),
        sort: (a) => a.name,
        cell: (a) => <strong style={{ fontWeight: 550 }}>{a.name}</strong>,
      },
      {
        id: 'presence',
        header: t('presence'),
        width: 190,
        sort: (a) => presences.indexOf(a.presence),
        cell: (a) => <PresenceCell agent={a} />,
      },
      {
        id: 'since',
        header: t('since'),
        width: 90,
        align: 'right',
        cell: (a) => (a.always_available ? <span className="quiet">–</span> : <Elapsed since={a.presence_at} />),
      },
      {
        id: 'work',
        header: t('work'),
        width: 220,
        sort: (a) => -a.used,
        cell: (a) => <WorkCell agent={a} onOpenCall={onOpenCall} />,
      },
      { id: 'device', header: t('device'), cell: (a) => <span className="quiet">{a.device}</span> },
      {
        id: 'missed',
        header: t('missed'),
        width: 90,
        align: 'right',
        sort: (a) => a.missed,
        cell: (a) => <span className="tnum">{a.missed}</span>,
      },
    ];
    if (mayPresence) {
      all.push({
        id: 'actions',
        header: t('common:actions'),
        actions: true,
        align: 'right',
        width: 60,
        cell: (a) => <PresenceMenu agent={a} />,
      });
    }
    return all;
  }, [t, mayPresence, onOpenCall]);
  const wanted = text.trim().toLowerCase();
  const rows = agents.data?.filter(
    (a) => (!presence || a.presence === presence) && a.name.toLowerCase().includes(wanted),
  );
  return (
    <>
      <div className={classes.toolbar}>
        <SearchInput label={t('searchAgents')} value={text} onChange={setText} />
        <Select
          aria-label={t('presence')}
          w={180}
          data={[
            { value: '', label: t('allPresences') },
            ...presences.map((p) => ({ value: p, label: t(`common:presence.${p}`) })),
          ]}
          value={presence}
          onChange={(value) => setPresence(value ?? '')}
        />
      </div>
      <DataTable
        label={t('agents')}
        rows={rows}
        loading={agents.isPending}
        error={agents.error}
        onRetry={agents.refetch}
        columns={columns}
        rowKey={(a) => a.id}
        sortBy={{ id: 'presence', desc: false }}
        empty={agents.data?.length ? t('noMatch') : t('emptyAgents')}
        emptyText={agents.data?.length ? undefined : t('emptyAgentsText')}
      />
    </>
  );
}

function PresenceCell({ agent }: { agent: Agent }) {
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
    </span>
  );
}

function WorkCell({ agent, onOpenCall }: { agent: Agent; onOpenCall: (id: string) => void }) {
  const { t } = useTranslation('common');
  if (agent.items.length === 0) return <span className="quiet">–</span>;
  return agent.items.map((w) => (
    <div key={w.item}>
      <Anchor component="button" type="button" size="sm" onClick={() => onOpenCall(w.item)}>
        {t(`routing.${w.state}`)}
      </Anchor>{' '}
      <span className="quiet">
        <Elapsed since={w.state_at} />
      </span>
    </div>
  ));
}

function PresenceMenu({ agent }: { agent: Agent }) {
  const { t } = useTranslation(['supervisor', 'common']);
  const set = useAct<(typeof presences)[number]>({
    act: (presence) =>
      api.PUT('/api/v1/agents/{id}/presence', { params: { path: { id: agent.id } }, body: { presence } }),
    nouns: ['agents'],
  });
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label={`${t('setPresence')}: ${agent.name}`}
          loading={set.isPending}
        >
          <IconDotsVertical size={17} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t('setPresence')}</Menu.Label>
        {presences.map((presence) => (
          <Menu.Item key={presence} onClick={() => set.mutate(presence)}>
            <State tone={tones[presence] ?? 'quiet'}>{t(`common:presence.${presence}`)}</State>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
