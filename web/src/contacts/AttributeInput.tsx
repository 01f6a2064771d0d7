import { NumberInput, Select, TextInput } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { Attribute } from './queries';

interface AttributeInputProps {
  attribute: Attribute;
  value: unknown;
  onChange: (value: unknown) => void;
}

/** The field for a custom attribute's value; null is none. */
export function AttributeInput({ attribute, value, onChange }: AttributeInputProps) {
  const { t } = useTranslation('contacts');
  const { label } = attribute;
  const text = value === undefined || value === null ? '' : String(value);
  switch (attribute.type) {
    case 'number':
      return (
        <NumberInput
          label={label}
          value={text === '' ? '' : Number(text)}
          onChange={(next) => onChange(next === '' ? null : Number(next))}
        />
      );
    case 'date':
      return (
        <TextInput label={label} type="date" value={text} onChange={(event) => onChange(event.currentTarget.value)} />
      );
    case 'boolean':
      return (
        <Select
          label={label}
          clearable
          data={['true', 'false'].map((one) => ({ value: one, label: t(one === 'true' ? 'yes' : 'no') }))}
          value={text || null}
          onChange={(next) => onChange(next === null ? null : next === 'true')}
        />
      );
    case 'list':
      return (
        <Select label={label} clearable searchable data={attribute.options} value={text || null} onChange={onChange} />
      );
    default:
      return (
        <TextInput
          label={label}
          maxLength={1000}
          value={text}
          onChange={(event) => onChange(event.currentTarget.value)}
        />
      );
  }
}
