import { NumberInput, Select, Textarea, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { Problem } from '../api/problem';
import { ticketTypesQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { useCan } from '../app/session';

type Field = Schema['TicketField'];
type Value = string | number | boolean | null;

/** The fields of the ticket's type; each is saved when one leaves it. */
export function FieldInputs({ ticket }: { ticket: Schema['TicketPage'] }) {
  const can = useCan();
  const types = useQuery(ticketTypesQuery);
  const fields = types.data?.find((one) => one.type === ticket.type)?.fields ?? [];
  return fields.map((field) => (
    <FieldInput
      key={field.id}
      ticket={ticket.id}
      field={field}
      value={(ticket.fields[field.id ?? ''] as Value | undefined) ?? null}
      locked={!can('write', 'tickets')}
    />
  ));
}

interface InputProps {
  ticket: string;
  field: Field;
  value: Value;
  locked: boolean;
}

function FieldInput({ ticket, field, value, locked }: InputProps) {
  const { t } = useTranslation('crm');
  const [text, setText] = useState(String(value ?? ''));
  useEffect(() => setText(String(value ?? '')), [value]);
  const save = useSave({
    save: (next: Value) =>
      body(
        api.PATCH('/api/v1/tickets/{id}', {
          params: { path: { id: ticket } },
          body: { fields: { [field.id ?? '']: next } },
        }),
      ),
    nouns: ['tickets'],
    quiet: true,
  });
  const keep = (next: Value) => next !== value && save.mutate(next);
  const common = {
    label: field.name,
    withAsterisk: field.required,
    disabled: locked,
    error: save.error instanceof Problem ? save.errorText : undefined,
  };
  switch (field.type) {
    case 'list':
      return <Select {...common} clearable data={field.options ?? []} value={value as string | null} onChange={keep} />;
    case 'boolean':
      return (
        <Select
          {...common}
          clearable
          data={[
            { value: 'true', label: t('field.yes') },
            { value: 'false', label: t('field.no') },
          ]}
          value={value === null ? null : String(value)}
          onChange={(chosen) => keep(chosen === null ? null : chosen === 'true')}
        />
      );
    case 'number':
      return (
        <NumberInput
          {...common}
          value={text}
          onChange={(next) => setText(String(next))}
          onBlur={() => keep(text === '' ? null : Number(text))}
        />
      );
    case 'date':
      return (
        <TextInput
          {...common}
          type="date"
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          onBlur={() => keep(text || null)}
        />
      );
    default:
      return (
        <Textarea
          {...common}
          autosize
          maxRows={6}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          onBlur={() => keep(text.trim() || null)}
        />
      );
  }
}
