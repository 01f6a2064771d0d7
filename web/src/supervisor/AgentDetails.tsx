import { Anchor, Drawer, Group, Stack, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { callsQuery, queuesQuery } from '../api/queries';
import { useCan } from '../app/session';
import { useCallerText } from '../ui/caller';
import { useDeviceText } from '../ui/device';
import { clock } from '../ui/format';
import { Facts } from '../ui/Page';
import { State } from '../ui/State';
import { DateTime, Elapsed } from '../ui/time';
import { useCloseLabel } from '../ui/useCloseLabel';
import { AgentActions } from './AgentActions';
import { PresenceCell } from './AgentsLive';
import classes from './supervisor.module.css';
import { useWorkText } from './work';

type Agent = Schema['AgentStatus'];

/** Everything about one agent, live. */
export function AgentDetails(props: {
  agent: Agent | undefined;
  onClose: () => void;
  onOpenCall: (id: string) => void;
  onOpenChat: (id: string) => void;
}) {
  const { t } = useTranslation('supervisor');
  return (
    <Drawer
      opened={props.agent !== undefined}
      onClose={props.onClose}
      title={t('agentDetails')}
      size={480}
      closeButtonProps={useCloseLabel()}
    >
      {props.agent && <Details agent={props.agent} onOpenCall={props.onOpenCall} onOpenChat={props.onOpenChat} />}
    </Drawer>
  );
}

function Details(props: { agent: Agent; onOpenCall: (id: string) => void; onOpenChat: (id: string) => void }) {
  const { agent, onOpenCall, onOpenChat } = props;
  const { t } = useTranslation(['supervisor', 'common']);
  const can = useCan();
  const caller = useCallerText();
  const workText = useWorkText();
  const deviceText = useDeviceText();
  const queues = useQuery({ ...queuesQuery, enabled: can('read', 'queues') });
  const calls = useQuery({
    ...callsQuery({ state: 'ended', agent: agent.id, limit: 10 }),
    enabled: can('read', 'calls'),
  });
  const nameOf = (queue: string) => queues.data?.find((q) => q.id === queue)?.name ?? '';
  return (
    <Stack gap="lg">
      <Group justify="space-between" wrap="nowrap">
        <Title order={2} fz="lg">
          {agent.name}
        </Title>
        <AgentActions agent={agent} monitor={can('monitor', 'calls')} presence={can('presence', 'agents')} />
      </Group>
      <Facts
        rows={[
          [t('presence'), <PresenceCell key="presence" agent={agent} />],
          [t('since'), <DateTime key="since" time={agent.presence_at} />],
          [t('state'), workText(agent)],
          [t('idle'), agent.items.length > 0 ? '–' : <Elapsed key="idle" since={agent.idle_since} />],
          [t('load'), `${agent.used} / ${agent.capacity}`],
          [t('missed'), agent.missed],
          [t('unreachable'), agent.unreachable],
          [t('device'), deviceText(agent.device)],
        ]}
      />
      <section>
        <Title order={3} mb="xs">
          {t('work')}
        </Title>
        {agent.items.length === 0 && <span className="quiet">{t('noWork')}</span>}
        <Stack gap="xs">
          {agent.items.map((item) => (
            <div key={item.item} className={classes.leg}>
              <div className={classes.legHead}>
                <Anchor
                  component="button"
                  type="button"
                  size="sm"
                  onClick={() => (item.kind === 'chat' ? onOpenChat(item.item) : onOpenCall(item.item))}
                >
                  {t(item.kind === 'chat' ? 'openChat' : 'openCall')}
                </Anchor>
                <Elapsed since={item.state_at} />
              </div>
              <State tone={item.state === 'INTERACTING' ? 'good' : 'warn'}>
                {workText({ state: item.state, items: [item] })}
              </State>{' '}
              <span className="quiet">{nameOf(item.queue)}</span>
            </div>
          ))}
        </Stack>
      </section>
      <section>
        <Title order={3} mb="xs">
          {t('lastCalls')}
        </Title>
        {calls.data?.length === 0 && <span className="quiet">{t('noCalls')}</span>}
        <Stack gap={4}>
          {calls.data?.map((call) => (
            <Group key={call.call_id} justify="space-between" wrap="nowrap" gap="sm">
              <Anchor component="button" type="button" size="sm" onClick={() => onOpenCall(call.call_id)}>
                {caller(call)}
              </Anchor>
              <span className="quiet tnum">
                <DateTime time={call.started_at} short /> · {clock(call.talk_seconds)}
              </span>
            </Group>
          ))}
        </Stack>
      </section>
    </Stack>
  );
}
