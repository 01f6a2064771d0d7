import { NumberInput, Select, Skeleton, Switch } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { agentSkillsQuery, agentsQuery, skillsQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { usePeople } from '../app/people';
import { useCan } from '../app/session';
import { CallDevice } from '../profile/CallDevice';
import type { Column } from '../ui/DataTable';
import { useDeviceText } from '../ui/device';
import { ErrorNotice } from '../ui/ErrorNotice';
import { FormDrawer } from '../ui/FormModal';
import { ListPage } from './ListPage';

type Agent = Schema['AgentStatus'];

/** Who serves queues: device, capacity and skills. */
export function Agents() {
  const { t } = useTranslation(['admin', 'common']);
  const deviceText = useDeviceText();
  const columns = useMemo(
    (): Column<Agent>[] => [
      {
        id: 'name',
        header: t('common:name'),
        sort: (x) => x.name,
        cell: (x) => <strong style={{ fontWeight: 550 }}>{x.name}</strong>,
      },
      {
        id: 'device',
        header: t('agents.device'),
        width: 260,
        sort: (x) => x.device,
        cell: (x) => deviceText(x.device),
      },
      {
        id: 'capacity',
        header: t('agents.capacity'),
        width: 120,
        align: 'right',
        sort: (x) => x.capacity,
        cell: (x) => <span className="tnum">{x.capacity}</span>,
      },
    ],
    [t, deviceText],
  );
  return (
    <ListPage
      title={t('parts.agents')}
      noun="agents"
      add={t('agents.add')}
      query={useQuery(agentsQuery)}
      columns={columns}
      rowKey={(x) => x.id}
      sortBy={{ id: 'name', desc: false }}
      empty={t('agents.empty')}
      emptyText={t('agents.emptyText')}
      form={(agent, onClose) =>
        agent ? (
          <KnownAgent agent={agent} onClose={onClose} />
        ) : (
          <AgentForm agent={null} skills={[]} onClose={onClose} />
        )
      }
    />
  );
}

/** The form needs the agent's skills first. */
function KnownAgent({ agent, onClose }: { agent: Agent; onClose: () => void }) {
  const { t } = useTranslation('admin');
  const { data, error, refetch } = useQuery(agentSkillsQuery(agent.id));
  if (data) return <AgentForm agent={agent} skills={data.skills} onClose={onClose} />;
  return (
    <FormDrawer
      opened
      title={t('agents.edit')}
      onClose={onClose}
      onSubmit={(e) => e.preventDefault()}
      saving={false}
      error={null}
      readOnly
    >
      {error ? <ErrorNotice error={error} onRetry={refetch} /> : <Skeleton height={300} />}
    </FormDrawer>
  );
}

interface Values {
  user: string;
  always_available: boolean;
  capacity: number;
  auto: 'inherit' | 'yes' | 'no';
  levels: Record<string, number>;
}

function AgentForm(props: { agent: Agent | null; skills: Schema['SkillNeed'][]; onClose: () => void }) {
  const { agent, onClose } = props;
  const { t } = useTranslation(['admin', 'common']);
  const can = useCan();
  const people = usePeople();
  const agents = useQuery(agentsQuery);
  const skills = useQuery({ ...skillsQuery, enabled: can('read', 'queues') });
  const form = useForm<Values>({
    initialValues: {
      user: agent?.id ?? '',
      always_available: agent?.always_available ?? false,
      capacity: agent?.capacity ?? 100,
      auto:
        agent?.auto_answer === undefined || agent.auto_answer === null ? 'inherit' : agent.auto_answer ? 'yes' : 'no',
      levels: Object.fromEntries(props.skills.map((need) => [need.skill, need.level])),
    },
  });
  const save = useSave({
    save: async (v: Values) => {
      const params = { path: { id: v.user } };
      const name = agent?.name ?? people.nameOf(v.user);
      const { always_available, capacity } = v;
      // Chosen below, or by the agent, and maybe since the list was read.
      const device = agent ? (await body(api.GET('/api/v1/agents/{id}', { params }))).device : 'browser';
      const own = v.auto === 'inherit' ? {} : { auto_answer: v.auto === 'yes' };
      await body(
        api.PUT('/api/v1/agents/{id}', { params, body: { name, device, always_available, capacity, ...own } }),
      );
      const has = Object.entries(v.levels).flatMap(([skill, level]) => (level > 0 ? [{ skill, level }] : []));
      return body(api.PUT('/api/v1/agents/{id}/skills', { params, body: { skills: has } }));
    },
    nouns: ['agents', 'skills'],
    done: onClose,
  });
  const known = new Set(agents.data?.map((a) => a.id));
  const choices = people.list.filter((p) => !known.has(p.id)).map((p) => ({ value: p.id, label: p.name }));
  return (
    <FormDrawer
      opened
      title={agent ? `${t('agents.edit')}: ${agent.name}` : t('agents.add')}
      onClose={onClose}
      onSubmit={form.onSubmit((v) => save.mutate(v))}
      saving={save.isPending}
      error={save.error}
      readOnly={!can('write', 'agents')}
    >
      {!agent && <Select label={t('common:name')} required searchable data={choices} {...form.getInputProps('user')} />}
      {agent && <CallDevice agent={agent.id} readOnly={!can('write', 'agents')} />}
      <Switch label={t('agents.always')} {...form.getInputProps('always_available', { type: 'checkbox' })} />
      <NumberInput
        label={t('agents.capacity')}
        min={1}
        max={1000}
        allowDecimal={false}
        {...form.getInputProps('capacity')}
      />
      <Select
        label={t('agents.auto')}
        description={t('settings.autoAnswerHelp')}
        data={(['inherit', 'yes', 'no'] as const).map((one) => ({ value: one, label: t(`agents.autos.${one}`) }))}
        allowDeselect={false}
        {...form.getInputProps('auto')}
      />
      {skills.data?.map((skill) => (
        <Select
          key={skill.id}
          label={skill.name}
          data={[{ value: '0', label: '–' }, ...['1', '2', '3', '4', '5']]}
          allowDeselect={false}
          value={String(form.values.levels[skill.id] ?? 0)}
          onChange={(level) => form.setFieldValue('levels', { ...form.values.levels, [skill.id]: Number(level ?? 0) })}
        />
      ))}
    </FormDrawer>
  );
}
