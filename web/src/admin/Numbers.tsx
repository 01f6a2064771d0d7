import { Select, Switch, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { agentsQuery, numbersQuery, promptsQuery, queuesQuery } from '../api/queries';
import type { Column } from '../ui/DataTable';
import { AccessEditor } from './AccessEditor';
import { EditDrawer } from './EditDrawer';
import { ListPage } from './ListPage';

type PhoneNumber = Schema['Number'];
type Kind = Schema['NumberInput']['kind'];

const kinds: Kind[] = ['menu', 'queue', 'message', 'music', 'echo', 'address', 'agent', 'voicemail'];

export function Numbers() {
  const { t } = useTranslation('admin');
  const queues = useQuery(queuesQuery);
  const prompts = useQuery(promptsQuery);
  const agents = useQuery(agentsQuery);
  const columns = useMemo((): Column<PhoneNumber>[] => {
    const names = new Map(
      [...(queues.data ?? []), ...(prompts.data ?? []), ...(agents.data ?? [])].map((x) => [x.id, x.name]),
    );
    return [
      {
        id: 'number',
        header: t('numbers.number'),
        width: 180,
        sort: (n) => n.number,
        cell: (n) => <strong className="tnum">{n.number}</strong>,
      },
      {
        id: 'name',
        header: t('numbers.name'),
        sort: (n) => n.name,
        cell: (n) => n.name || <span className="quiet">–</span>,
      },
      {
        id: 'kind',
        header: t('numbers.kind'),
        width: 150,
        sort: (n) => n.kind,
        cell: (n) => t(`numbers.kinds.${n.kind}`, n.kind),
      },
      {
        id: 'target',
        header: t('numbers.target'),
        cell: (n) =>
          n.address || names.get(n.queue_id ?? n.prompt_id ?? n.agent_id ?? '') || <span className="quiet">–</span>,
      },
    ];
  }, [t, queues.data, prompts.data, agents.data]);
  return (
    <ListPage
      title={t('parts.numbers')}
      noun="numbers"
      add={t('numbers.add')}
      query={useQuery(numbersQuery)}
      columns={columns}
      rowKey={(n) => n.id}
      sortBy={{ id: 'number', desc: false }}
      empty={t('numbers.empty')}
      emptyText={t('numbers.emptyText')}
      form={(number, onClose) => <NumberForm number={number} onClose={onClose} />}
    />
  );
}

interface Fields {
  number: string;
  name: string;
  kind: Kind;
  queue_id: string | null;
  prompt_id: string | null;
  agent_id: string | null;
  address: string;
  record: boolean;
  voicemail: boolean;
  access: Schema['Access'];
  lookup_token: string;
}

// Only what the kind needs goes out: a number that was a queue's is not to keep it as an echo.
function inputOf(f: Fields): Schema['NumberInput'] {
  const common = {
    number: f.number.trim(),
    name: f.name.trim(),
    kind: f.kind,
    access: f.access,
    ...(f.lookup_token ? { lookup_token: f.lookup_token } : {}),
  };
  if (f.kind === 'menu' || f.kind === 'queue') return { ...common, ...(f.queue_id ? { queue_id: f.queue_id } : {}) };
  if (f.kind === 'voicemail')
    return { ...common, ...(f.agent_id ? { agent_id: f.agent_id } : f.queue_id ? { queue_id: f.queue_id } : {}) };
  if (f.kind === 'agent')
    return {
      ...common,
      ...(f.agent_id ? { agent_id: f.agent_id } : {}),
      record: f.record,
      voicemail: f.voicemail,
    };
  if (f.kind === 'message') return { ...common, ...(f.prompt_id ? { prompt_id: f.prompt_id } : {}) };
  if (f.kind === 'address') return { ...common, address: f.address.trim(), record: f.record };
  return common;
}

function NumberForm({ number, onClose }: { number: PhoneNumber | null; onClose: () => void }) {
  const { t } = useTranslation('admin');
  const queues = useQuery(queuesQuery);
  const prompts = useQuery(promptsQuery);
  const agents = useQuery(agentsQuery);
  const form = useForm<Fields>({
    initialValues: {
      number: number?.number ?? '',
      name: number?.name ?? '',
      kind: (number?.kind as Kind) ?? 'queue',
      queue_id: number?.queue_id ?? null,
      prompt_id: number?.prompt_id ?? null,
      agent_id: number?.agent_id ?? null,
      address: number?.address ?? '',
      record: number?.record ?? false,
      voicemail: number?.voicemail ?? false,
      access: number?.access ?? {},
      lookup_token: '',
    },
  });
  const { kind } = form.values;
  const targets = queues.data?.filter((q) => (kind === 'menu' ? !q.leaf : q.leaf)) ?? [];
  return (
    <EditDrawer
      thing={number && { id: number.id, name: number.number }}
      add={t('numbers.add')}
      edit={t('numbers.edit')}
      noun="numbers"
      nouns={['numbers']}
      form={form}
      save={(fields: Fields) =>
        number
          ? body(api.PUT('/api/v1/numbers/{id}', { params: { path: { id: number.id } }, body: inputOf(fields) }))
          : body(api.POST('/api/v1/numbers', { body: inputOf(fields) }))
      }
      remove={(id) => api.DELETE('/api/v1/numbers/{id}', { params: { path: { id } } })}
      onClose={onClose}
    >
      <TextInput label={t('numbers.number')} required data-autofocus {...form.getInputProps('number')} />
      <TextInput label={t('numbers.name')} {...form.getInputProps('name')} />
      <Select
        label={t('numbers.kind')}
        required
        data={kinds.map((value) => ({ value, label: t(`numbers.kinds.${value}`) }))}
        {...form.getInputProps('kind')}
      />
      {(kind === 'menu' || kind === 'queue') && (
        <Select
          label={t('numbers.target')}
          required
          searchable
          data={targets.map((q) => ({ value: q.id, label: q.name }))}
          {...form.getInputProps('queue_id')}
        />
      )}
      {kind === 'voicemail' && (
        <Select
          label={t('numbers.boxOf')}
          required
          searchable
          data={[
            { group: t('numbers.boxQueue'), items: targets.map((q) => ({ value: q.id, label: q.name })) },
            { group: t('numbers.boxAgent'), items: agents.data?.map((a) => ({ value: a.id, label: a.name })) ?? [] },
          ]}
          value={form.values.agent_id ?? form.values.queue_id}
          onChange={(id) => {
            const own = agents.data?.some((a) => a.id === id) ?? false;
            form.setFieldValue('agent_id', own ? id : null);
            form.setFieldValue('queue_id', own ? null : id);
          }}
        />
      )}
      {kind === 'agent' && (
        <>
          <Select
            label={t('numbers.agent')}
            required
            searchable
            data={agents.data?.map((a) => ({ value: a.id, label: a.name })) ?? []}
            {...form.getInputProps('agent_id')}
          />
          <Switch label={t('numbers.record')} {...form.getInputProps('record', { type: 'checkbox' })} />
          <Switch label={t('numbers.voicemail')} {...form.getInputProps('voicemail', { type: 'checkbox' })} />
        </>
      )}
      {kind === 'message' && (
        <Select
          label={t('numbers.target')}
          required
          searchable
          data={prompts.data?.map((p) => ({ value: p.id, label: p.name })) ?? []}
          {...form.getInputProps('prompt_id')}
        />
      )}
      {kind === 'address' && (
        <>
          <TextInput
            label={t('numbers.address')}
            placeholder="sip:user@host:5060"
            required
            {...form.getInputProps('address')}
          />
          <Switch label={t('numbers.record')} {...form.getInputProps('record', { type: 'checkbox' })} />
        </>
      )}
      <AccessEditor
        access={form.values.access}
        queues={queues.data?.filter((q) => q.leaf).map((q) => ({ value: q.id, label: q.name })) ?? []}
        hasToken={number?.has_lookup_token ?? false}
        token={form.values.lookup_token}
        onChange={(access) => form.setFieldValue('access', access)}
        onToken={(token) => form.setFieldValue('lookup_token', token)}
      />
    </EditDrawer>
  );
}
