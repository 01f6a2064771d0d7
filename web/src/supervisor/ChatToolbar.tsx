import { Select } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { queuesQuery } from '../api/queries';
import { useLive } from '../app/liveLists';
import { useCan } from '../app/session';
import { channels } from '../inbox/channels';
import { SearchInput } from '../ui/SearchInput';
import type { ChatFilters } from './chats';
import classes from './supervisor.module.css';

const TYPED = 250;

/** Search and filters of the chats' lists. */
export function ChatToolbar(props: { filters: ChatFilters; onChange: (filters: ChatFilters) => void }) {
  const { t } = useTranslation(['supervisor', 'inbox']);
  const { filters, onChange } = props;
  const can = useCan();
  const queues = useQuery({ ...queuesQuery, enabled: can('read', 'queues') });
  const agents = useLive('agents').rows ?? [];
  const [text, setText] = useState(filters.text);
  const search = useDebouncedCallback((typed: string) => onChange({ ...filters, text: typed }), TYPED);
  const select = (
    name: keyof ChatFilters,
    label: string,
    all: string,
    data: Array<{ value: string; label: string }>,
  ) => (
    <Select
      aria-label={label}
      w={180}
      searchable={data.length > 8}
      data={[{ value: '', label: all }, ...data]}
      value={filters[name]}
      onChange={(value) => onChange({ ...filters, [name]: value ?? '' })}
    />
  );
  return (
    <div className={classes.toolbar}>
      <SearchInput
        label={t('searchChats')}
        value={text}
        onChange={(typed) => {
          setText(typed);
          search(typed);
        }}
      />
      {select(
        'queue',
        t('queue'),
        t('allQueues'),
        (queues.data ?? []).filter((q) => q.leaf).map((q) => ({ value: q.id, label: q.name })),
      )}
      {select(
        'channel',
        t('inbox:channel'),
        t('inbox:anyChannel'),
        channels.map((value) => ({ value, label: t(`inbox:channels.${value}`) })),
      )}
      {select(
        'agent',
        t('agent'),
        t('allAgents'),
        agents.map((one) => ({ value: one.id, label: one.name })),
      )}
    </div>
  );
}
