import { ColorInput, NumberInput, Select, Switch, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { presencesQuery } from '../api/queries';
import type { Column } from '../ui/DataTable';
import { Tag } from '../ui/State';
import classes from './admin.module.css';
import { EditDrawer } from './EditDrawer';
import { ListPage } from './ListPage';

type Word = Schema['PresenceWord'];

const kinds = ['AVAILABLE', 'AWAY', 'BUSY'] as const;
const swatches = ['#0f7a48', '#b86e00', '#b3261e', '#2b5fa8', '#6f4aa8', '#5d6b66'];

/** The tenant's own words for being available, away or busy. */
export function Presences() {
  const { t } = useTranslation(['admin', 'common']);
  const columns = useMemo(
    (): Column<Word>[] => [
      {
        id: 'name',
        header: t('common:name'),
        sort: (x) => x.name,
        cell: (x) => (
          <span className={classes.swatched}>
            <span className={classes.swatch} style={{ background: x.colour }} aria-hidden />
            <strong style={{ fontWeight: 550 }}>{x.name}</strong>
          </span>
        ),
      },
      {
        id: 'presence',
        header: t('presences.stands'),
        width: 180,
        sort: (x) => kinds.indexOf(x.presence as (typeof kinds)[number]),
        cell: (x) => t(`common:presence.${x.presence}`),
      },
      {
        id: 'productive',
        header: t('presences.productive'),
        width: 180,
        cell: (x) =>
          x.productive ? <Tag tone="good">{t('presences.productive')}</Tag> : <span className="quiet">–</span>,
      },
      {
        id: 'limit',
        header: t('presences.limit'),
        width: 160,
        align: 'right',
        sort: (x) => x.max_minutes,
        cell: (x) => (x.max_minutes > 0 ? `${x.max_minutes} ${t('presences.minutes')}` : t('presences.noLimit')),
      },
    ],
    [t],
  );
  return (
    <ListPage
      title={t('parts.presences')}
      noun="queues"
      add={t('presences.add')}
      query={useQuery(presencesQuery)}
      columns={columns}
      rowKey={(x) => x.id}
      empty={t('presences.empty')}
      emptyText={t('presences.emptyText')}
      form={(word, onClose) => <PresenceForm word={word} onClose={onClose} />}
    />
  );
}

function PresenceForm({ word, onClose }: { word: Word | null; onClose: () => void }) {
  const { t } = useTranslation(['admin', 'common']);
  const form = useForm<Schema['PresenceInput']>({
    initialValues: {
      name: word?.name ?? '',
      presence: (word?.presence as Schema['PresenceInput']['presence'] | undefined) ?? 'AWAY',
      colour: word?.colour ?? '#b86e00',
      productive: word?.productive ?? false,
      max_minutes: word?.max_minutes ?? 0,
    },
  });
  return (
    <EditDrawer
      thing={word}
      add={t('presences.add')}
      edit={t('presences.edit')}
      noun="queues"
      removeBy="write"
      nouns={['presences']}
      form={form}
      save={(input: Schema['PresenceInput']) =>
        word
          ? body(api.PUT('/api/v1/presences/{id}', { params: { path: { id: word.id } }, body: input }))
          : body(api.POST('/api/v1/presences', { body: input }))
      }
      remove={(id) => api.DELETE('/api/v1/presences/{id}', { params: { path: { id } } })}
      onClose={onClose}
    >
      <TextInput label={t('common:name')} required data-autofocus maxLength={100} {...form.getInputProps('name')} />
      <Select
        label={t('presences.stands')}
        data={kinds.map((kind) => ({ value: kind, label: t(`common:presence.${kind}`) }))}
        {...form.getInputProps('presence')}
      />
      <ColorInput
        label={t('presences.colour')}
        format="hex"
        withEyeDropper={false}
        swatches={swatches}
        {...form.getInputProps('colour')}
      />
      <Switch label={t('presences.productive')} {...form.getInputProps('productive', { type: 'checkbox' })} />
      <NumberInput
        label={t('presences.limit')}
        description={t('presences.limitHint')}
        min={0}
        max={1440}
        allowDecimal={false}
        suffix={` ${t('presences.minutes')}`}
        {...form.getInputProps('max_minutes')}
      />
    </EditDrawer>
  );
}
