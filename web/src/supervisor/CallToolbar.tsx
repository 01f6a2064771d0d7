import { Button, Indicator, Popover, Select, Stack, TextInput } from '@mantine/core';
import { IconFilter } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { queuesQuery, teamsQuery } from '../api/queries';
import { useLive } from '../app/liveLists';
import { useCan } from '../app/session';
import { SearchInput } from '../ui/SearchInput';
import { type CallFilters, countFilters, noFilters } from './filters';
import classes from './supervisor.module.css';

const longer = ['30', '60', '300', '900', '1800', '3600'];
const languages = ['en', 'zh'];

/** Search and filters of the calls' lists. */
export function CallToolbar(props: {
  filters: CallFilters;
  onChange: (filters: CallFilters) => void;
  /** The states that calls of this list can have. */
  states: string[];
  children?: React.ReactNode;
}) {
  const { t } = useTranslation(['supervisor', 'common']);
  const { filters } = props;
  const can = useCan();
  const queues = useQuery({ ...queuesQuery, enabled: can('read', 'queues') });
  const teams = useQuery({ ...teamsQuery, enabled: can('read', 'teams') });
  const agents = useLive('agents').rows;
  const set = (change: Partial<CallFilters>) => props.onChange({ ...filters, ...change });
  const select = (
    name: keyof CallFilters,
    label: string,
    all: string,
    data: Array<{ value: string; label: string }>,
  ) => (
    <Select
      label={label}
      searchable={data.length > 8}
      comboboxProps={{ withinPortal: false }}
      data={[{ value: '', label: all }, ...data]}
      value={filters[name]}
      onChange={(value) => set({ [name]: value ?? '' })}
    />
  );
  const count = countFilters(filters);
  return (
    <div className={classes.toolbar}>
      <SearchInput label={t('searchCalls')} value={filters.text} onChange={(text) => set({ text })} />
      <Select
        aria-label={t('queue')}
        w={200}
        searchable
        data={[
          { value: '', label: t('allQueues') },
          ...(queues.data ?? []).filter((q) => q.leaf).map((q) => ({ value: q.id, label: q.name })),
        ]}
        value={filters.queue}
        onChange={(value) => set({ queue: value ?? '' })}
      />
      <Select
        aria-label={t('state')}
        w={170}
        data={[
          { value: '', label: t('allStates') },
          ...props.states.map((state) => ({ value: state, label: t(`common:call.${state}`, state) })),
          { value: 'stuck', label: t('stuck') },
        ]}
        value={filters.state}
        onChange={(value) => set({ state: value ?? '' })}
      />
      <Indicator label={count} size={16} disabled={count === 0} offset={4}>
        <Popover position="bottom-start" shadow="md" trapFocus width={280}>
          <Popover.Target>
            <Button variant="default" leftSection={<IconFilter size={15} aria-hidden />}>
              {t('filters')}
            </Button>
          </Popover.Target>
          <Popover.Dropdown aria-label={t('filters')}>
            <Stack gap="sm">
              {select(
                'agent',
                t('agent'),
                t('allAgents'),
                (agents ?? []).map((a) => ({ value: a.id, label: a.name })),
              )}
              {teams.data &&
                select(
                  'team',
                  t('team'),
                  t('allTeams'),
                  teams.data.map((team) => ({ value: team.id, label: team.name })),
                )}
              {select(
                'language',
                t('common:language'),
                t('allLanguages'),
                languages.map((code) => ({ value: code, label: t(`languages.${code}`) })),
              )}
              {select(
                'longer',
                t('longer'),
                t('anyLength'),
                longer.map((s) => ({ value: s, label: t('minutes', { count: Number(s) / 60 }) })),
              )}
              <TextInput
                label={t('number')}
                value={filters.number}
                onChange={(e) => set({ number: e.currentTarget.value })}
              />
              <Button
                variant="default"
                disabled={count === 0}
                onClick={() => props.onChange({ ...noFilters, text: filters.text })}
              >
                {t('clearFilters')}
              </Button>
            </Stack>
          </Popover.Dropdown>
        </Popover>
      </Indicator>
      {props.children}
    </div>
  );
}
