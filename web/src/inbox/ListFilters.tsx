import { ActionIcon, Button, Group, Indicator, Popover, Select, Stack, Switch, TextInput } from '@mantine/core';
import { IconFilter } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { queuesQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { useCan } from '../app/session';
import { channels } from './channels';
import { anyState, countFilters, type Filter, noFilter, savedOf } from './filter';
import { addView } from './routes';

/** What narrows the list, and the way to keep it as a view. */
export function ListFilters({ filter, onChange }: { filter: Filter; onChange: (filter: Filter) => void }) {
  const { t } = useTranslation(['inbox', 'common']);
  const can = useCan();
  const queues = useQuery({ ...queuesQuery, enabled: can('read', 'queues') });
  const count = countFilters(filter);
  const set = (change: Partial<Filter>) => onChange({ ...filter, ...change });
  const leaves = (queues.data ?? []).filter((q) => q.leaf);
  return (
    <Indicator label={count} size={16} disabled={count === 0} offset={4}>
      <Popover position="bottom-end" shadow="md" trapFocus width={270}>
        <Popover.Target>
          <ActionIcon variant="default" size={34} aria-label={t('filters')} title={t('filters')}>
            <IconFilter size={16} aria-hidden />
          </ActionIcon>
        </Popover.Target>
        <Popover.Dropdown aria-label={t('filters')}>
          <Stack gap="sm">
            <Select
              label={t('common:state')}
              comboboxProps={{ withinPortal: false }}
              data={[
                { value: '', label: t('activeState') },
                { value: 'open', label: t('state.open') },
                { value: 'snoozed', label: t('state.snoozed') },
                { value: 'closed', label: t('state.closed') },
                { value: anyState, label: t('anyState') },
              ]}
              value={filter.state}
              onChange={(value) => set({ state: value ?? '' })}
            />
            <Select
              label={t('channel')}
              comboboxProps={{ withinPortal: false }}
              data={[
                { value: '', label: t('anyChannel') },
                ...channels.map((value) => ({ value, label: t(`channels.${value}`) })),
              ]}
              value={filter.channel}
              onChange={(value) => set({ channel: value ?? '' })}
            />
            <Select
              label={t('queue')}
              searchable
              comboboxProps={{ withinPortal: false }}
              data={[{ value: '', label: t('anyQueue') }, ...leaves.map((q) => ({ value: q.id, label: q.name }))]}
              value={filter.queue}
              onChange={(value) => set({ queue: value ?? '' })}
            />
            <Switch
              label={t('onlyUnread')}
              checked={filter.unread}
              onChange={(event) => set({ unread: event.currentTarget.checked })}
            />
            <Button
              variant="default"
              disabled={count === 0}
              onClick={() => onChange({ ...noFilter, view: filter.view, search: filter.search })}
            >
              {t('clear')}
            </Button>
            <SaveView filter={filter} />
          </Stack>
        </Popover.Dropdown>
      </Popover>
    </Indicator>
  );
}

function SaveView({ filter }: { filter: Filter }) {
  const { t } = useTranslation(['inbox', 'common']);
  const navigate = useNavigate();
  const [name, setName] = useState('');
  const save = useSave({
    save: () => addView({ name: name.trim(), shared: false, filter: savedOf(filter) }),
    nouns: ['saved-views', 'conversations'],
    done: (made) => {
      setName('');
      void navigate({ to: '/', search: { part: 'inbox', view: made.id } });
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        event.stopPropagation();
        if (name.trim() && !save.isPending) save.mutate();
      }}
    >
      <Group gap="xs" align="end" wrap="nowrap">
        <TextInput
          label={t('saveView')}
          placeholder={t('viewName')}
          maxLength={60}
          value={name}
          error={save.error ? save.errorText : undefined}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Button type="submit" disabled={!name.trim()} loading={save.isPending}>
          {t('common:save')}
        </Button>
      </Group>
    </form>
  );
}
