import { Menu } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, type Schema } from '../api/client';
import { presencesQuery } from '../api/queries';
import { useAct } from '../api/useSave';
import { State } from '../ui/State';
import { ListenButton } from './ListenButton';
import { presences, tones } from './presences';
import { RowMenu } from './RowMenu';
import classes from './supervisor.module.css';

type Agent = Schema['AgentStatus'];

/** The call that an agent talks in, if any. */
const talkOf = (agent: Agent): string | undefined =>
  agent.items.find((item) => item.kind !== 'chat' && (item.state === 'INTERACTING' || item.state === 'HELD'))?.item;

/** What may be done about an agent: hearing their call, setting their presence. */
export function AgentActions({ agent, monitor, presence }: { agent: Agent; monitor: boolean; presence: boolean }) {
  const { t } = useTranslation('supervisor');
  const call = talkOf(agent);
  return (
    <span style={{ display: 'inline-flex', gap: 2 }}>
      {call && monitor && <ListenButton call={call} name={agent.name} />}
      {presence && (
        <RowMenu label={`${t('setPresence')}: ${agent.name}`}>
          <Presences agent={agent.id} />
        </RowMenu>
      )}
    </span>
  );
}

function Presences({ agent }: { agent: string }) {
  const { t } = useTranslation(['supervisor', 'common']);
  const { data: words = [] } = useQuery(presencesQuery);
  const set = useAct<Schema['PresenceChange']>({
    act: (change) => api.PUT('/api/v1/agents/{id}/presence', { params: { path: { id: agent } }, body: change }),
    nouns: ['agents'],
  });
  return (
    <>
      <Menu.Label aria-hidden>{t('setPresence')}</Menu.Label>
      {presences.map((presence) => (
        <Menu.Item key={presence} onClick={() => set.mutate({ presence })}>
          <State tone={tones[presence] ?? 'quiet'}>{t(`common:presence.${presence}`)}</State>
        </Menu.Item>
      ))}
      {words.map((word) => (
        <Menu.Item
          key={word.id}
          leftSection={<span className={classes.wordDot} style={{ background: word.colour }} aria-hidden />}
          onClick={() => set.mutate({ presence: word.presence, reason: word.name })}
        >
          {word.name}
        </Menu.Item>
      ))}
    </>
  );
}
