import { Tabs } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { agentsQuery, callsQuery } from '../api/queries';
import { Page } from '../ui/Page';
import { AgentsLive } from './AgentsLive';
import { CallDetails } from './CallDetails';
import { ConnectedCalls } from './ConnectedCalls';
import { QueuedCalls } from './QueuedCalls';
import classes from './supervisor.module.css';

const tabs = ['queued', 'connected', 'agents'] as const;

/** The live floor: who waits, who talks, who is there. */
export function Supervisor() {
  const { t } = useTranslation('supervisor');
  const { tab = 'queued', call } = useSearch({ from: '/app/supervisor' });
  const navigate = useNavigate();
  const queued = useQuery(callsQuery({ state: 'queued', limit: 500 }));
  const connected = useQuery(callsQuery({ state: 'connected', limit: 500 }));
  const agents = useQuery(agentsQuery);
  const counts = { queued: queued.data?.length, connected: connected.data?.length, agents: agents.data?.length };
  const go = (next: { tab?: string; call?: string }) => void navigate({ to: '/supervisor', search: next });
  const open = (id: string) => go({ tab, call: id });
  return (
    <Page title={t('title')}>
      <Tabs value={tab} onChange={(value) => value && go({ tab: value })} keepMounted={false}>
        <Tabs.List className={classes.tabs}>
          {tabs.map((name) => (
            <Tabs.Tab
              key={name}
              value={name}
              rightSection={<span className={classes.count}>{counts[name] ?? '–'}</span>}
            >
              {t(name)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="queued" pt="md">
          <QueuedCalls calls={queued} onOpen={open} />
        </Tabs.Panel>
        <Tabs.Panel value="connected" pt="md">
          <ConnectedCalls calls={connected} onOpen={open} />
        </Tabs.Panel>
        <Tabs.Panel value="agents" pt="md">
          <AgentsLive agents={agents} onOpenCall={open} />
        </Tabs.Panel>
      </Tabs>
      <CallDetails id={call} onClose={() => go({ tab })} />
    </Page>
  );
}
