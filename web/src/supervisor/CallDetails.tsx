import { Alert, Anchor, Drawer, Group, Skeleton, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { callQuery, ticketsQuery } from '../api/queries';
import { useLive } from '../app/liveLists';
import { Flags } from '../desktop/Flags';
import { useCallerText } from '../ui/caller';
import { ErrorNotice } from '../ui/ErrorNotice';
import { clock } from '../ui/format';
import { Facts } from '../ui/Page';
import { QueuePath, State } from '../ui/State';
import { DateTime, Elapsed } from '../ui/time';
import { useCloseLabel } from '../ui/useCloseLabel';
import { CallActions, useCallRights } from './CallActions';
import { StuckTag } from './columns';
import { ItemDecisions } from './ItemDecisions';
import { Leg } from './Leg';

// How often the quality of a call's legs is looked at while its details are open.
const LIVE_EVERY = 2_000;

/** Everything about one call, live while it lasts. */
export function CallDetails({ id, onClose }: { id: string | undefined; onClose: () => void }) {
  const { t } = useTranslation('supervisor');
  return (
    <Drawer
      opened={id !== undefined}
      onClose={onClose}
      title={t('details')}
      size={480}
      closeButtonProps={useCloseLabel()}
    >
      {id && <Details id={id} />}
    </Drawer>
  );
}

function Details({ id }: { id: string }) {
  const { t } = useTranslation(['supervisor', 'common']);
  const caller = useCallerText();
  const {
    data: call,
    error,
    refetch,
  } = useQuery({ ...callQuery(id), refetchInterval: (q) => (q.state.data?.state === 'ended' ? false : LIVE_EVERY) });
  const rights = useCallRights();
  const live = useLive('calls').rows?.find((c) => c.call_id === id);
  const item = useLive('items').rows?.find((i) => i.id === id);
  const agents = useLive('agents').rows;
  const nameOf = (agent: string) =>
    agents?.find((a) => a.id === agent)?.name ?? (agent === call?.agent_id ? call.agent_name : undefined);
  if (error && !call) return <ErrorNotice error={error} onRetry={refetch} />;
  if (!call) return <Skeleton height={280} />;
  return (
    <Stack gap="lg">
      <Group justify="space-between" align="start" wrap="nowrap">
        <div>
          <Title order={2} fz="lg" className="tnum">
            {caller(call)}
          </Title>
          <QueuePath path={call.queue_path} />
        </div>
        <Group gap="xs" wrap="nowrap">
          <State tone={call.state === 'ended' ? 'quiet' : call.state === 'held' ? 'warn' : 'good'}>
            {t(`common:call.${call.state}`, call.state)}
          </State>
          {live && <CallActions line={{ id, call: live, ...(item && { item }) }} name={caller(call)} rights={rights} />}
        </Group>
      </Group>
      {live?.stuck && (
        <Alert color="red" variant="light" p="sm" title={<StuckTag cause={live.stuck} />}>
          <Text size="sm">{t(`stuckCause.${live.stuck}`)}</Text>
        </Alert>
      )}
      <Flags reserved={call.reserved} />
      <CallFacts call={call} />
      <Listeners call={call} />
      <Transfers call={call} />
      <CallTickets id={id} />
      <section>
        <Title order={3} mb="xs">
          {t('legs')}
        </Title>
        <Stack gap="xs">
          {call.legs.map((leg) => (
            <Leg key={leg.id} leg={leg} agentName={leg.agent_id ? (nameOf(leg.agent_id) ?? '') : undefined} />
          ))}
        </Stack>
      </section>
      <ItemDecisions id={id} />
    </Stack>
  );
}

function CallFacts({ call }: { call: Schema['CallRow'] }) {
  const { t } = useTranslation(['supervisor', 'common']);
  const rows: Array<[string, React.ReactNode]> = [
    [t('number'), call.number],
    [t('agent'), call.agent_name || '–'],
    [t('started'), <DateTime key="started" time={call.started_at} />],
    [t('wait'), <Spent key="wait" seconds={call.wait_seconds} since={waiting(call) ? call.queued_at : undefined} />],
    [t('talk'), <Spent key="talk" seconds={call.talk_seconds} since={call.ended_at ? undefined : call.connected_at} />],
    [
      t('held'),
      <Spent key="held" seconds={call.held_seconds} since={call.state === 'held' ? call.state_at : undefined} />,
    ],
  ];
  if (call.answered_by) rows.push([t('answeredBy'), t(`answerers.${call.answered_by}`)]);
  if (call.reason) rows.push([t('reason'), t(`reasons.${call.reason}`, call.reason)]);
  if (call.disposition) rows.push([t('disposition'), call.disposition]);
  if (call.notes) rows.push([t('notes'), call.notes]);
  for (const [name, value] of Object.entries(call.data ?? {})) rows.push([name, String(value)]);
  return <Facts rows={rows} />;
}

// Still in a queue: the record counts the wait once it is over.
const waiting = (call: Schema['CallRow']): boolean => !call.ended_at && !call.connected_at;

/** A length that is known, or that still grows. */
function Spent({ seconds, since }: { seconds: number; since: string | undefined }) {
  return since ? <Elapsed since={since} offset={seconds} /> : <span className="tnum">{clock(seconds)}</span>;
}

/** Who listens to the call, for those who may know. */
function Listeners({ call }: { call: Schema['CallRow'] }) {
  const { t } = useTranslation('supervisor');
  if (!call.supervisors?.length) return null;
  return (
    <section>
      <Title order={3} mb="xs">
        {t('listeners')}
      </Title>
      <Stack gap={4}>
        {call.supervisors.map((one) => (
          <Group key={one.id} justify="space-between" wrap="nowrap">
            <span>{one.supervisor_name}</span>
            <State tone={one.mode === 'monitor' ? 'info' : 'warn'}>{t(`mode.${one.mode}`)}</State>
          </Group>
        ))}
      </Stack>
    </section>
  );
}

/** Where agents sent the caller, or tried to. */
function Transfers({ call }: { call: Schema['CallRow'] }) {
  const { t } = useTranslation('supervisor');
  if (!call.transfers?.length) return null;
  return (
    <section>
      <Title order={3} mb="xs">
        {t('transfers')}
      </Title>
      <Stack gap={4}>
        {call.transfers.map((one) => (
          <Group key={one.at} justify="space-between" wrap="nowrap" align="start">
            <span style={{ overflowWrap: 'anywhere' }}>
              {one.by_name ? `${one.by_name} → ${one.name}` : one.name} <DateTime time={one.at} />
              {one.attended && <span className="quiet"> {t('attended')}</span>}
            </span>
            <State tone={one.result === 'done' || one.result === 'joined' ? 'good' : one.result ? 'warn' : 'info'}>
              {t(`transferResult.${one.result || 'ringing'}`, t('transferResult.failed'))}
            </State>
          </Group>
        ))}
      </Stack>
    </section>
  );
}

function CallTickets({ id }: { id: string }) {
  const { t } = useTranslation('supervisor');
  const { data } = useQuery(ticketsQuery({ call: id }));
  if (!data?.length) return null;
  return (
    <section>
      <Title order={3} mb="xs">
        {t('openTicket')}
      </Title>
      <Stack gap={4} align="flex-start">
        {data.map((ticket) => (
          <Anchor key={ticket.id} component={Link} to={`/tickets/${ticket.id}`} size="sm">
            {`#${ticket.number} ${ticket.title}`}
          </Anchor>
        ))}
      </Stack>
    </section>
  );
}
