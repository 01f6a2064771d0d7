import { Anchor, Drawer, Group, Skeleton, Stack, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { callQuery, decisionsQuery, ticketsQuery } from '../api/queries';
import { Flags } from '../desktop/Flags';
import { useCallerText } from '../ui/caller';
import { ErrorNotice } from '../ui/ErrorNotice';
import { clock } from '../ui/format';
import { Facts } from '../ui/Page';
import { QueuePath, State } from '../ui/State';
import { DateTime } from '../ui/time';
import { useCloseLabel } from '../ui/useCloseLabel';
import { EndCall } from './EndCall';
import { Leg } from './Leg';
import classes from './supervisor.module.css';

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
  const { data: call, error, refetch } = useQuery({ ...callQuery(id), refetchInterval: 5_000 });
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
        <State tone={call.state === 'ended' ? 'quiet' : call.state === 'held' ? 'warn' : 'good'}>
          {t(`common:call.${call.state}`, call.state)}
        </State>
      </Group>
      <Flags reserved={call.reserved} />
      <CallFacts call={call} />
      <EndCall call={call} large />
      <CallTickets id={id} />
      <section>
        <Title order={3} mb="xs">
          {t('legs')}
        </Title>
        <Stack gap="xs">
          {call.legs.map((leg) => (
            <Leg key={leg.id} leg={leg} agentName={leg.agent_id === call.agent_id ? call.agent_name : undefined} />
          ))}
        </Stack>
      </section>
      <Decisions id={id} />
    </Stack>
  );
}

function CallFacts({ call }: { call: Schema['CallRow'] }) {
  const { t } = useTranslation(['supervisor', 'common']);
  const rows: Array<[string, React.ReactNode]> = [
    [t('number'), call.number],
    [t('agent'), call.agent_name || '–'],
    [t('started'), <DateTime key="started" time={call.started_at} />],
    [t('wait'), clock(call.wait_seconds)],
    [t('talk'), clock(call.talk_seconds)],
    [t('held'), clock(call.held_seconds)],
  ];
  if (call.reason) rows.push([t('reason'), t(`reasons.${call.reason}`, call.reason)]);
  if (call.disposition) rows.push([t('disposition'), call.disposition]);
  if (call.notes) rows.push([t('notes'), call.notes]);
  for (const [name, value] of Object.entries(call.data ?? {})) rows.push([name, String(value)]);
  return <Facts rows={rows} />;
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

function Decisions({ id }: { id: string }) {
  const { t } = useTranslation('supervisor');
  const decisions = useQuery(decisionsQuery(id));
  return (
    <section>
      <Title order={3} mb="xs">
        {t('decisions')}
      </Title>
      {decisions.error && <ErrorNotice error={decisions.error} onRetry={decisions.refetch} />}
      {decisions.data?.length === 0 && <span className="quiet">{t('noDecisions')}</span>}
      <Stack gap="sm">
        {decisions.data?.map((decision) => (
          <Decision key={decision.offer} decision={decision} />
        ))}
      </Stack>
    </section>
  );
}

function Decision({ decision }: { decision: Schema['Decision'] }) {
  const { t } = useTranslation(['supervisor', 'admin']);
  const others = Object.entries(decision.others ?? {}).map(([reason, count]) => `${reason} ${count}`);
  return (
    <div className={classes.decision}>
      <div>
        <strong>{t('chosen', { agent: decision.agent_name })}</strong>{' '}
        <span className="quiet">
          <DateTime time={decision.at} short />
        </span>
      </div>
      <div>
        {t('why', {
          algorithm: t(`admin:settings.algorithms.${decision.algorithm}`, decision.algorithm),
          waiting: decision.waiting,
        })}
        , {t('idle')} <DateTime time={decision.idle_since} short />
      </div>
      {decision.first.length > 0 && (
        <ul aria-label={t('notChosen')}>
          {decision.first.map((passed) => (
            <li key={passed.agent}>
              {passed.name}: {passed.reason}
            </li>
          ))}
        </ul>
      )}
      {others.length > 0 && <div className="quiet">{t('passed', { list: others.join(', ') })}</div>}
    </div>
  );
}
