import { Select } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { ticketsQuery } from '../api/queries';

interface TicketSelectProps {
  /** The ticket that another is chosen for. */
  ticket: Schema['TicketPage'];
  label: string;
  value: string | null;
  onChange: (id: string | null) => void;
}

/** Another ticket, from the contact's or looked for. */
export function TicketSelect({ ticket, label, value, onChange }: TicketSelectProps) {
  const { t } = useTranslation('crm');
  const [text, setText] = useState('');
  const [search] = useDebouncedValue(text.trim(), 250);
  const contact = !search && ticket.contact_id ? { contact: ticket.contact_id } : {};
  const found = useQuery(ticketsQuery({ ...contact, ...(search ? { search } : {}) }));
  return (
    <Select
      label={label}
      placeholder={t('ticket.search')}
      required
      searchable
      data-autofocus
      nothingFoundMessage={t('ticket.noMatch')}
      data={(found.data ?? [])
        .filter((one) => one.id !== ticket.id)
        .map((one) => ({ value: one.id, label: `#${one.number} ${one.title}` }))}
      // The server has looked already.
      filter={({ options }) => options}
      onSearchChange={(typed) => setText(typed.replace(/^(#\d+) .*/, '$1'))}
      value={value}
      onChange={onChange}
    />
  );
}
