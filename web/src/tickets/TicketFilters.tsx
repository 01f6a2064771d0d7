import { Select } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { usePeople } from '../app/people';
import { useMe } from '../app/session';
import { SearchInput } from '../ui/SearchInput';
import { moves } from './moves';
import { sorts, standings, type TicketSearch } from './search';
import classes from './tickets.module.css';
import { useTicketTypes } from './types';
import { priorities } from './words';

type Change = { [K in keyof TicketSearch]?: TicketSearch[K] | undefined };

/** What of the tickets is shown, and in which order. */
export function TicketFilters({ search, onChange }: { search: TicketSearch; onChange: (change: Change) => void }) {
  const { t } = useTranslation('crm');
  const me = useMe();
  const people = usePeople();
  const types = useTicketTypes();
  const [text, setText] = useState(search.q ?? '');
  // A view that was chosen brings its own.
  useEffect(() => setText((typed) => (typed.trim() === (search.q ?? '') ? typed : (search.q ?? ''))), [search.q]);
  const find = useDebouncedCallback((q: string) => onChange({ q: q.trim() || undefined }), 250);
  const choice = (name: 'priority' | 'type' | 'sla' | 'assignee', label: string, all: string, data: Options) => (
    <Select
      aria-label={label}
      placeholder={all}
      clearable
      searchable={name === 'assignee'}
      w={name === 'assignee' || name === 'sla' ? 175 : 150}
      data={data}
      value={search[name] ?? null}
      onChange={(value) => onChange({ [name]: value ?? undefined })}
    />
  );
  const others = people.list.filter((user) => user.id !== me.id).map((user) => ({ value: user.id, label: user.name }));
  return (
    <div className={classes.toolbar}>
      <SearchInput
        label={t('ticket.search')}
        value={text}
        width={220}
        onChange={(value) => {
          setText(value);
          find(value);
        }}
      />
      {search.view !== 'board' && (
        <Select
          aria-label={t('ticket.status')}
          allowDeselect={false}
          w={150}
          data={[
            { value: 'open', label: t('ticket.open') },
            ...Object.keys(moves).map((status) => ({ value: status, label: t(`status.${status}`) })),
            { value: 'all', label: t('ticket.allStatuses') },
          ]}
          value={search.status ?? 'open'}
          onChange={(value) => onChange({ status: value === 'open' ? undefined : (value as TicketSearch['status']) })}
        />
      )}
      {choice(
        'priority',
        t('ticket.priority'),
        t('ticket.anyPriority'),
        priorities.map((value) => ({ value, label: t(`priority.${value}`) })),
      )}
      {choice('type', t('ticket.type'), t('ticket.anyType'), types.options)}
      {choice(
        'sla',
        t('sla.title'),
        t('sla.any'),
        standings.map((value) => ({ value, label: t(`sla.${value}`) })),
      )}
      {choice('assignee', t('ticket.assignee'), t('ticket.anybody'), [
        { value: me.id, label: t('ticket.me') },
        { value: 'nobody', label: t('ticket.nobody') },
        ...others,
      ])}
      <Select
        aria-label={t('ticket.sort')}
        allowDeselect={false}
        w={170}
        data={sorts.map((value) => ({ value, label: t(`ticket.sorts.${value}`) }))}
        value={search.sort ?? 'updated'}
        onChange={(value) => onChange({ sort: value === 'updated' ? undefined : (value as TicketSearch['sort']) })}
      />
    </div>
  );
}

type Options = Array<{ value: string; label: string }>;
