import { ActionIcon, Group, Tooltip } from '@mantine/core';
import { IconPhoneOutgoing, IconRefresh } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, type Schema } from '../api/client';
import { trunkStatesQuery } from '../api/queries';
import { useAct } from '../api/useSave';
import { useCan } from '../app/session';
import { State } from '../ui/State';
import { TrunkTest } from './TrunkTest';

const tones = { up: 'good', down: 'bad', unknown: 'quiet' } as const;

/** Whether a trunk is there, and whether we are registered with it; a look at it at once, and a test call. */
export function TrunkState({ trunk }: { trunk: Schema['Trunk'] }) {
  const { t } = useTranslation('admin');
  const can = useCan();
  const [testing, setTesting] = useState(false);
  const states = useQuery(trunkStatesQuery);
  const state = states.data?.find((one) => one.trunk_id === trunk.id);
  const ask = useAct({
    act: async () => {
      await api.POST('/api/v1/trunks/{id}/ask', { params: { path: { id: trunk.id } } });
      await new Promise((resolve) => setTimeout(resolve, 1500)); // the answer is there by then, or soon after
    },
    nouns: ['trunks'],
  });
  if (!trunk.enabled) return <State tone="quiet">{t('trunks.disabled')}</State>;
  if (!state) return <State tone="good">{t('trunks.enabled')}</State>;
  const registered = trunk.register && (
    <State tone={state.registered_until ? 'good' : state.elsewhere ? 'quiet' : 'bad'}>
      {state.registered_until
        ? t('trunks.registered')
        : state.elsewhere
          ? t('trunks.elsewhere')
          : `${t('trunks.notRegistered')}${state.problem ? ` (${state.problem})` : ''}`}
    </State>
  );
  return (
    <Group gap={6} wrap="nowrap">
      <div>
        <State tone={tones[state.reach]}>
          {t(`trunks.reach.${state.reach}`) +
            (state.reach === 'up' && state.milliseconds ? ` · ${Math.round(state.milliseconds)} ms` : '')}
        </State>
        {registered}
      </div>
      {can('write', 'trunks') && (
        // biome-ignore lint/a11y/noStaticElementInteractions: it keeps clicks from the row behind
        // biome-ignore lint/a11y/useKeyWithClickEvents: the same
        <span style={{ display: 'inline-flex' }} onClick={(event) => event.stopPropagation()}>
          <Tooltip label={t('trunks.ask')}>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={`${t('trunks.ask')}: ${trunk.name}`}
              loading={ask.isPending}
              onClick={() => ask.mutate()}
            >
              <IconRefresh size={15} aria-hidden />
            </ActionIcon>
          </Tooltip>
          <Tooltip label={t('trunks.test.title')}>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={`${t('trunks.test.title')}: ${trunk.name}`}
              onClick={() => setTesting(true)}
            >
              <IconPhoneOutgoing size={15} aria-hidden />
            </ActionIcon>
          </Tooltip>
          {testing && <TrunkTest trunk={trunk} onClose={() => setTesting(false)} />}
        </span>
      )}
    </Group>
  );
}
