import { Tabs } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { type LiveName, useLive } from '../app/liveLists';
import { useCan } from '../app/session';
import { EmptyState, Page } from '../ui/Page';
import { AgentDetails } from './AgentDetails';
import { AgentsLive } from './AgentsLive';
import { AlarmBanner } from './AlarmBanner';
import { CallDetails } from './CallDetails';
import { ChatDetails } from './ChatDetails';
import { ConnectedCalls } from './ConnectedCalls';
import { ConnectedChats } from './ConnectedChats';
import { connectedLines, queuedLines } from './filters';
import { QueuedCalls } from './QueuedCalls';
import { QueuedChats } from './QueuedChats';
import classes from './supervisor.module.css';
import { WallBoard } from './WallBoard';

const needs = {
  queued: 'calls',
  connected: 'calls',
  'chats-queued': 'conversations',
  'chats-connected': 'conversations',
  agents: 'agents',
  queues: 'reports',
} as const;
type Tab = keyof typeof needs;

interface Search {
  tab?: string;
  call?: string;
  chat?: string;
  agent?: string;
}

/** The live floor: who waits, who talks, who is there, and how the queues do. */
export function Supervisor() {
  const { t } = useTranslation(['supervisor', 'common']);
  const can = useCan();
  const tabs = (Object.keys(needs) as Tab[]).filter((tab) => can('read', needs[tab]));
  const { tab: asked, call, chat, agent }: Search = useSearch({ from: '/app/supervisor' });
  const tab = tabs.find((name) => name === asked) ?? tabs[0];
  const navigate = useNavigate();
  const calls = useLive('calls');
  const items = useLive('items');
  const agents = useLive('agents');
  const queued = useMemo(() => queuedLines(calls.rows, items.rows), [calls.rows, items.rows]);
  const connected = useMemo(() => connectedLines(calls.rows), [calls.rows]);
  const counts: Record<Tab, number | undefined> = {
    queued: queued?.length,
    connected: connected?.length,
    'chats-queued': items.rows?.filter((item) => item.kind === 'chat').length,
    'chats-connected': undefined,
    agents: agents.rows?.length,
    queues: undefined,
  };
  const go = (next: Search) => void navigate({ to: '/supervisor', search: next });
  const openCall = (id: string) => go({ ...(tab && { tab }), call: id });
  const openChat = (id: string) => go({ ...(tab && { tab }), chat: id });
  const openAgent = (id: string) => go({ tab: 'agents', agent: id });
  const close = () => go(tab ? { tab } : {});
  const denied = (name: LiveName) => ({ calls, items, agents })[name].denied;
  const gone = <EmptyState title={t('common:forbidden.title')} text={t('common:forbidden.text')} />;
  return (
    <Page title={t('title')}>
      <AlarmBanner />
      <Tabs value={tab ?? null} onChange={(value) => value && go({ tab: value })} keepMounted={false}>
        <Tabs.List className={classes.tabs}>
          {tabs.map((name) => (
            <Tabs.Tab
              key={name}
              value={name}
              rightSection={
                name === 'queues' || name === 'chats-connected' ? null : (
                  <span className={classes.count}>{counts[name] ?? '–'}</span>
                )
              }
            >
              {t(name)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="queued" pt="md">
          {denied('items') ? gone : <QueuedCalls lines={queued} open={call} onOpen={openCall} />}
        </Tabs.Panel>
        <Tabs.Panel value="connected" pt="md">
          {denied('calls') ? gone : <ConnectedCalls lines={connected} open={call} onOpen={openCall} />}
        </Tabs.Panel>
        <Tabs.Panel value="chats-queued" pt="md">
          {denied('items') ? gone : <QueuedChats items={items.rows} open={chat} onOpen={openChat} />}
        </Tabs.Panel>
        <Tabs.Panel value="chats-connected" pt="md">
          <ConnectedChats open={chat} onOpen={openChat} />
        </Tabs.Panel>
        <Tabs.Panel value="agents" pt="md">
          {denied('agents') ? (
            gone
          ) : (
            <AgentsLive agents={agents} open={agent} onOpen={openAgent} onOpenCall={openCall} onOpenChat={openChat} />
          )}
        </Tabs.Panel>
        <Tabs.Panel value="queues" pt="md">
          <WallBoard agents={agents.rows} />
        </Tabs.Panel>
      </Tabs>
      <CallDetails id={call} onClose={close} />
      <ChatDetails id={chat} onClose={close} />
      <AgentDetails
        agent={agents.rows?.find((a) => a.id === agent)}
        onClose={close}
        onOpenCall={openCall}
        onOpenChat={openChat}
      />
    </Page>
  );
}
