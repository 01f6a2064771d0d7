import { Group, NumberInput, Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { hoursQuery, slaPoliciesQuery } from '../api/queries';
import { usePeople } from '../app/people';
import { inUnit, toSeconds, type Unit, unitNames } from '../tickets/duration';
import { PriorityTag } from '../tickets/PriorityTag';
import { priorities } from '../tickets/words';
import { type Column, DataTable } from '../ui/DataTable';
import { Page } from '../ui/Page';
import { EditDrawer } from './EditDrawer';

type Policy = Schema['Policy'];

/** What is promised for tickets of each priority. */
export function SLA() {
  const { t } = useTranslation(['crm', 'admin']);
  const [editing, setEditing] = useState<Policy | null>(null);
  const policies = useQuery(slaPoliciesQuery);
  const hours = useQuery(hoursQuery);
  const { nameOf } = usePeople();
  const columns = useMemo((): Column<Policy>[] => {
    const words = (seconds: number) => {
      const { count, unit } = inUnit(seconds);
      return seconds ? t(`sla.${unit}`, { count }) : '–';
    };
    return [
      {
        id: 'priority',
        header: t('ticket.priority'),
        width: 140,
        sort: (p) => priorities.indexOf(p.priority),
        cell: (p) => <PriorityTag priority={p.priority} />,
      },
      { id: 'response', header: t('sla.response'), width: 160, cell: (p) => words(p.response_seconds) },
      { id: 'resolution', header: t('sla.resolution'), width: 160, cell: (p) => words(p.resolution_seconds) },
      {
        id: 'hours',
        header: t('sla.counts'),
        cell: (p) => hours.data?.find((h) => h.id === p.hours_id)?.name ?? t('sla.always'),
      },
      {
        id: 'escalate',
        header: t('sla.escalate'),
        cell: (p) => nameOf(p.escalate_to) || <span className="quiet">–</span>,
      },
    ];
  }, [t, hours.data, nameOf]);
  return (
    <Page title={t('admin:parts.sla')}>
      <DataTable
        label={t('admin:parts.sla')}
        rows={policies.data}
        loading={policies.isPending}
        error={policies.error}
        onRetry={policies.refetch}
        columns={columns}
        rowKey={(p) => p.priority}
        onOpen={setEditing}
        sortBy={{ id: 'priority', desc: false }}
        empty={t('sla.title')}
      />
      {editing && <PolicyForm policy={editing} onClose={() => setEditing(null)} />}
    </Page>
  );
}

function PolicyForm({ policy, onClose }: { policy: Policy; onClose: () => void }) {
  const { t } = useTranslation('crm');
  const [input, setInput] = useState(policy);
  const hours = useQuery(hoursQuery);
  const people = usePeople();
  const change = (part: Partial<Policy>) => setInput({ ...input, ...part });
  return (
    <EditDrawer
      thing={{ id: policy.priority, name: t(`priority.${policy.priority}`) }}
      add=""
      edit={`${t('sla.title')} · ${t(`priority.${policy.priority}`)}`}
      noun="sla"
      nouns={['sla-policies']}
      save={() => body(api.PUT('/api/v1/sla-policies', { body: input }))}
      onClose={onClose}
    >
      <Duration
        label={t('sla.response')}
        help={t('sla.responseHelp')}
        seconds={input.response_seconds}
        onChange={(response_seconds) => change({ response_seconds })}
      />
      <Duration
        label={t('sla.resolution')}
        help={t('sla.resolutionHelp')}
        seconds={input.resolution_seconds}
        onChange={(resolution_seconds) => change({ resolution_seconds })}
      />
      <Select
        label={t('sla.counts')}
        description={t('sla.countsHelp')}
        placeholder={t('sla.always')}
        clearable
        data={hours.data?.map((h) => ({ value: h.id, label: h.name })) ?? []}
        value={input.hours_id ?? null}
        onChange={(id) => setInput(({ hours_id: _, ...rest }) => (id ? { ...rest, hours_id: id } : rest))}
      />
      <Select
        label={t('sla.escalate')}
        description={t('sla.escalateHelp')}
        placeholder={t('ticket.nobody')}
        clearable
        searchable
        data={people.list.map((user) => ({ value: user.id, label: user.name }))}
        value={input.escalate_to ?? null}
        onChange={(id) => setInput(({ escalate_to: _, ...rest }) => (id ? { ...rest, escalate_to: id } : rest))}
      />
    </EditDrawer>
  );
}

interface DurationProps {
  label: string;
  help: string;
  seconds: number;
  onChange: (seconds: number) => void;
}

function Duration({ label, help, seconds, onChange }: DurationProps) {
  const { t } = useTranslation('crm');
  const [unit, setUnit] = useState<Unit>(inUnit(seconds).unit);
  const count = Math.round(seconds / toSeconds(1, unit));
  const most = toSeconds(365, 'days') / toSeconds(1, unit);
  return (
    <Group gap="xs" align="end" wrap="nowrap" grow>
      <NumberInput
        label={label}
        description={help}
        min={0}
        max={most}
        allowDecimal={false}
        value={count}
        onChange={(value) => onChange(toSeconds(Number(value), unit))}
      />
      <Select
        aria-label={t('sla.unit', { of: label })}
        allowDeselect={false}
        data={unitNames.map((value) => ({ value, label: t(`sla.units.${value}`) }))}
        value={unit}
        onChange={(value) => {
          setUnit(value as Unit);
          onChange(toSeconds(count, value as Unit));
        }}
      />
    </Group>
  );
}
