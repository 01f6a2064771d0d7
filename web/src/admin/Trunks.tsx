import { Group, MultiSelect, NumberInput, PasswordInput, Select, Switch, TagsInput, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { trunksQuery } from '../api/queries';
import type { Column } from '../ui/DataTable';
import { Tag } from '../ui/State';
import { DataParameters } from './DataParameters';
import { EditDrawer } from './EditDrawer';
import { ListPage } from './ListPage';
import { TrunkState } from './TrunkState';

type Trunk = Schema['Trunk'];

const codecs = ['PCMA', 'PCMU', 'G722', 'opus'];
const encryptions = ['off', 'prefer', 'require'] as const;

export function Trunks() {
  const { t } = useTranslation(['admin', 'common']);
  const columns = useMemo(
    (): Column<Trunk>[] => [
      {
        id: 'name',
        header: t('common:name'),
        sort: (x) => x.name,
        cell: (x) => <strong style={{ fontWeight: 550 }}>{x.name}</strong>,
      },
      {
        id: 'networks',
        header: t('trunks.networks'),
        cell: (x) => <span className="tnum">{x.networks.join(', ') || '–'}</span>,
      },
      {
        id: 'username',
        header: t('trunks.username'),
        width: 140,
        cell: (x) => x.username || <span className="quiet">–</span>,
      },
      {
        id: 'trusted',
        header: t('trunks.trusted'),
        width: 120,
        cell: (x) => (x.trusted ? <Tag tone="info">{t('trunks.trusted')}</Tag> : <span className="quiet">–</span>),
      },
      {
        id: 'max',
        header: t('trunks.maxCalls'),
        width: 120,
        align: 'right',
        cell: (x) => <span className="tnum">{x.max_calls || '∞'}</span>,
      },
      {
        id: 'enabled',
        header: t('common:state'),
        width: 240,
        sort: (x) => Number(x.enabled),
        cell: (x) => <TrunkState trunk={x} />,
      },
    ],
    [t],
  );
  return (
    <ListPage
      title={t('parts.trunks')}
      noun="trunks"
      add={t('trunks.add')}
      query={useQuery(trunksQuery)}
      columns={columns}
      rowKey={(x) => x.id}
      sortBy={{ id: 'name', desc: false }}
      empty={t('trunks.empty')}
      emptyText={t('trunks.emptyText')}
      form={(trunk, onClose) => <TrunkForm trunk={trunk} onClose={onClose} />}
    />
  );
}

function TrunkForm({ trunk, onClose }: { trunk: Trunk | null; onClose: () => void }) {
  const { t } = useTranslation(['admin', 'common']);
  const form = useForm<Schema['TrunkInput']>({
    initialValues: {
      name: trunk?.name ?? '',
      networks: trunk?.networks ?? [],
      username: trunk?.username ?? '',
      password: '',
      trusted: trunk?.trusted ?? false,
      nat: trunk?.nat ?? false,
      refer: trunk?.refer ?? false,
      headers: trunk?.headers ?? [],
      codecs: trunk?.codecs ?? [],
      max_calls: trunk?.max_calls ?? 0,
      encryption: trunk?.encryption ?? 'prefer',
      enabled: trunk?.enabled ?? true,
      outbound: trunk?.outbound ?? '',
      outbound_transport: (trunk?.outbound_transport || 'udp') as Schema['TrunkInput']['outbound_transport'],
      outbound_username: trunk?.outbound_username ?? '',
      priority: trunk?.priority ?? 1,
      weight: trunk?.weight ?? 1,
      calls_per_second: trunk?.calls_per_second ?? 0,
      keepalive: trunk?.keepalive ?? 30,
      register: trunk?.register ?? false,
      number_format: (trunk?.number_format || 'e164') as NonNullable<Schema['TrunkInput']['number_format']>,
      outbound_password: '',
      caller_id: trunk?.caller_id ?? '',
      data_parameters: trunk?.data_parameters ?? [],
    },
  });
  return (
    <EditDrawer
      thing={trunk}
      add={t('trunks.add')}
      edit={t('trunks.edit')}
      noun="trunks"
      nouns={['trunks']}
      form={form}
      save={(input: Schema['TrunkInput']) =>
        trunk
          ? body(api.PUT('/api/v1/trunks/{id}', { params: { path: { id: trunk.id } }, body: input }))
          : body(api.POST('/api/v1/trunks', { body: input }))
      }
      remove={(id) => api.DELETE('/api/v1/trunks/{id}', { params: { path: { id } } })}
      onClose={onClose}
    >
      <TextInput label={t('common:name')} required data-autofocus {...form.getInputProps('name')} />
      <TagsInput
        label={t('trunks.networks')}
        description={t('trunks.networksHint')}
        placeholder="203.0.113.0/28"
        {...form.getInputProps('networks')}
      />
      <Group grow align="start">
        <TextInput label={t('trunks.username')} autoComplete="off" {...form.getInputProps('username')} />
        <PasswordInput
          label={t('trunks.password')}
          placeholder={trunk ? t('trunks.passwordKeep') : ''}
          autoComplete="new-password"
          {...form.getInputProps('password')}
        />
      </Group>
      <Switch
        label={t('trunks.trusted')}
        description={t('trunks.trustedHint')}
        {...form.getInputProps('trusted', { type: 'checkbox' })}
      />
      <Switch
        label={t('trunks.nat')}
        description={t('trunks.natHint')}
        {...form.getInputProps('nat', { type: 'checkbox' })}
      />
      <Switch
        label={t('trunks.refer')}
        description={t('trunks.referHint')}
        {...form.getInputProps('refer', { type: 'checkbox' })}
      />
      <TagsInput label={t('trunks.headers')} description={t('trunks.headersHint')} {...form.getInputProps('headers')} />
      <MultiSelect
        label={t('trunks.codecs')}
        description={t('trunks.codecsHint')}
        data={codecs}
        {...form.getInputProps('codecs')}
      />
      <Select
        label={t('trunks.encryption')}
        description={t('trunks.encryptionHint')}
        data={encryptions.map((value) => ({ value, label: t(`trunks.encryptions.${value}`) }))}
        allowDeselect={false}
        {...form.getInputProps('encryption')}
      />
      <NumberInput
        label={t('trunks.maxCalls')}
        description={t('trunks.maxCallsHint')}
        min={0}
        {...form.getInputProps('max_calls')}
      />
      <Group grow align="start">
        <TextInput
          label={t('trunks.outbound')}
          description={t('trunks.outboundHint')}
          placeholder="sip.example.com:5060"
          {...form.getInputProps('outbound')}
        />
        <Select
          label={t('trunks.outboundTransport')}
          description={t('trunks.outboundTransportHint')}
          data={[
            ...['udp', 'tcp', 'tls'].map((value) => ({ value, label: value.toUpperCase() })),
            { value: 'auto', label: t('trunks.outboundTransportAuto') },
          ]}
          allowDeselect={false}
          {...form.getInputProps('outbound_transport')}
        />
      </Group>
      {form.values.outbound && (
        <>
          <Group grow align="start">
            <TextInput
              label={t('trunks.outboundUsername')}
              autoComplete="off"
              {...form.getInputProps('outbound_username')}
            />
            <PasswordInput
              label={t('trunks.outboundPassword')}
              placeholder={trunk ? t('trunks.passwordKeep') : ''}
              autoComplete="new-password"
              {...form.getInputProps('outbound_password')}
            />
          </Group>
          <Switch
            label={t('trunks.register')}
            description={t('trunks.registerHint')}
            {...form.getInputProps('register', { type: 'checkbox' })}
          />
          <Group grow align="start">
            <NumberInput
              label={t('trunks.priority')}
              description={t('trunks.priorityHint')}
              min={1}
              max={100}
              {...form.getInputProps('priority')}
            />
            <NumberInput
              label={t('trunks.weight')}
              description={t('trunks.weightHint')}
              min={1}
              max={100}
              {...form.getInputProps('weight')}
            />
          </Group>
          <Group grow align="start">
            <NumberInput
              label={t('trunks.keepalive')}
              description={t('trunks.keepaliveHint')}
              min={0}
              max={3600}
              {...form.getInputProps('keepalive')}
            />
            <NumberInput
              label={t('trunks.perSecond')}
              description={t('trunks.perSecondHint')}
              min={0}
              {...form.getInputProps('calls_per_second')}
            />
          </Group>
          <Select
            label={t('trunks.format')}
            data={[
              { value: 'e164', label: '+49 30 …' },
              { value: 'digits', label: '49 30 …' },
              { value: '00', label: '00 49 30 …' },
            ]}
            allowDeselect={false}
            {...form.getInputProps('number_format')}
          />
          <TextInput
            label={t('trunks.callerId')}
            description={t('trunks.callerIdHint')}
            placeholder="+49301234567"
            {...form.getInputProps('caller_id')}
          />
          <DataParameters
            value={form.values.data_parameters ?? []}
            onChange={(value) => form.setFieldValue('data_parameters', value)}
          />
        </>
      )}
      <Switch label={t('trunks.enabled')} {...form.getInputProps('enabled', { type: 'checkbox' })} />
    </EditDrawer>
  );
}
