import { NumberInput, Select, Textarea, TextInput } from '@mantine/core';
import type { ChangeEvent } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';

/** What a custom attribute of a contact or a field of a ticket holds. */
export type ValueType = Schema['TicketField']['type'];

interface ValueInputProps {
  label: string;
  type: ValueType;
  /** What a list offers. */
  options?: string[] | undefined;
  value: unknown;
  onChange: (value: string | number | boolean | null) => void;
  onBlur?: () => void;
  /** Marked with an asterisk, not demanded by the form. */
  needed?: boolean;
  required?: boolean;
  /** How many lines a text may have; one when left out. */
  lines?: number;
  disabled?: boolean;
  error?: string | undefined;
}

/** The field for a value of one of five types; null is none. */
export function ValueInput({ type, options, value, onChange, needed, lines = 1, ...rest }: ValueInputProps) {
  const { t } = useTranslation('common');
  const text = value === undefined || value === null ? '' : String(value);
  const common = { ...rest, withAsterisk: needed || rest.required };
  switch (type) {
    case 'number':
      return (
        <NumberInput
          {...common}
          value={text === '' ? '' : Number(text)}
          onChange={(next) => onChange(next === '' ? null : Number(next))}
        />
      );
    case 'date':
      return (
        <TextInput
          {...common}
          type="date"
          value={text}
          onChange={(event) => onChange(event.currentTarget.value || null)}
        />
      );
    case 'boolean':
      return (
        <Select
          {...common}
          clearable
          data={(['true', 'false'] as const).map((one) => ({ value: one, label: t(one === 'true' ? 'yes' : 'no') }))}
          value={text || null}
          onChange={(next) => onChange(next === null ? null : next === 'true')}
        />
      );
    case 'list':
      return <Select {...common} clearable searchable data={options ?? []} value={text || null} onChange={onChange} />;
    default: {
      const Text = lines > 1 ? Textarea : TextInput;
      return (
        <Text
          {...common}
          {...(lines > 1 && { autosize: true, maxRows: lines })}
          maxLength={1000}
          value={text}
          onChange={(event: ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) =>
            onChange(event.currentTarget.value || null)
          }
        />
      );
    }
  }
}
