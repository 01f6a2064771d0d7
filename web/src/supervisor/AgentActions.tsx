import { ActionIcon, Menu, Tooltip } from '@mantine/core';
import { IconDotsVertical, IconHeadphones, IconHeadphonesOff } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { api, type Schema } from '../api/client';
import { useAct } from '../api/useSave';
import { useCan } from '../app/session';
import { useSupervision } from '../phone/supervision';
import { State } from '../ui/State';
import { presences, tones } from './presences';

type Agent = Schema['AgentStatus'];

/** The call that an agent talks in, if any. */
export const talkOf = (agent: Agent): string | undefined =>
  agent.items.find((item) => item.state === 'INTERACTING' || item.state === 'HELD')?.item;

/** What may be done about an agent: hearing their call, setting their presence. */
export function AgentActions({ agent }: { agent: Agent }) {
  const { t } = useTranslation(['supervisor', 'common']);
  const can = useCan();
  const { view, active, ready, start, stop } = useSupervision();
  const call = talkOf(agent);
  const listening = active && view?.call === call;
  const set = useAct<(typeof presences)[number]>({
    act: (presence) =>
      api.PUT('/api/v1/agents/{id}/presence', { params: { path: { id: agent.id } }, body: { presence } }),
    nouns: ['agents'],
  });
  return (
    <span style={{ display: 'inline-flex', gap: 2 }}>
      {call && can('monitor', 'calls') && (
        <Tooltip label={listening ? t('stopListening') : t('mode.monitor')}>
          <ActionIcon
            variant={listening ? 'filled' : 'subtle'}
            color={listening ? 'petrol' : 'gray'}
            disabled={!ready}
            aria-pressed={listening}
            aria-label={`${listening ? t('stopListening') : t('mode.monitor')}: ${agent.name}`}
            data-action="monitor"
            onClick={() => (listening ? stop() : start(call, 'monitor'))}
          >
            {listening ? <IconHeadphonesOff size={17} /> : <IconHeadphones size={17} />}
          </ActionIcon>
        </Tooltip>
      )}
      {can('presence', 'agents') && (
        <Menu position="bottom-end" shadow="md">
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
      )}
    </span>
  );
}
