import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { api, body, type Schema } from '../api/client';
import { Problem } from '../api/problem';
import { ticketTypesQuery } from '../api/queries';
import { useSave } from '../api/useSave';
import { useCan } from '../app/session';
import { ValueInput } from '../ui/ValueInput';

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
  const [draft, setDraft] = useState(value);
  useEffect(() => setDraft(value), [value]);
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
  const chosen = field.type === 'list' || field.type === 'boolean';
  return (
    <ValueInput
      label={field.name}
      type={field.type}
      options={field.options}
      needed={field.required}
      lines={6}
      disabled={locked}
      error={save.error instanceof Problem ? save.errorText : undefined}
      value={draft}
      onChange={(next) => {
        setDraft(next);
        if (chosen) keep(next);
      }}
      onBlur={() => !chosen && keep(typeof draft === 'string' ? draft.trim() || null : draft)}
    />
  );
}
