import { ActionIcon, Autocomplete, Button, NumberInput, SegmentedControl, Select, Stack } from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { ValueInput, type ValueType } from '../ui/ValueInput';
import { attributeOf, builtIn, type Condition, needsValue, operatorsOf, typeOf, withField } from './conditions';
import classes from './contacts.module.css';
import { type Attribute, attributesQuery, contactTagsQuery } from './queries';

type Conditions = Schema['ContactConditions'];

interface ConditionsEditorProps {
  value: Conditions;
  onChange: (value: Conditions) => void;
}

/** What the contacts of a list fulfil. */
export function ConditionsEditor({ value, onChange }: ConditionsEditorProps) {
  const { t } = useTranslation('contacts');
  const { data: attributes = [] } = useQuery(attributesQuery);
  const set = (items: Condition[]) => onChange({ ...value, items });
  const fields = [
    ...builtIn.map((field) => ({ value: field as string, label: t(`fields.${field}`) })),
    ...attributes.map((a) => ({ value: `custom.${a.key}`, label: a.label })),
  ];
  return (
    <Stack gap="sm">
      <SegmentedControl
        aria-label={t('match')}
        data={[
          { value: 'all', label: t('matchAll') },
          { value: 'any', label: t('matchAny') },
        ]}
        value={value.match}
        onChange={(match) => onChange({ ...value, match: match as Conditions['match'] })}
      />
      {value.items.map((item, i) => {
        const change = (next: Condition) => set(value.items.map((old, at) => (at === i ? next : old)));
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: conditions have no identity of their own
          <fieldset key={i} className={classes.fieldset}>
            <legend className="sr-only">{t('condition', { number: i + 1 })}</legend>
            <div className={classes.condition}>
              <Select
                label={t('field')}
                searchable
                allowDeselect={false}
                data={fields}
                value={item.field}
                onChange={(field) => field && change(withField(item, field, attributes))}
              />
              <Select
                label={t('operator')}
                allowDeselect={false}
                data={operatorsOf(item.field, attributes).map((op) => ({ value: op, label: t(`ops.${op}`) }))}
                value={item.op}
                onChange={(op) => change({ ...item, op: op as Condition['op'] })}
              />
              {needsValue(item.op) ? (
                <ConditionValue
                  item={item}
                  attributes={attributes}
                  onChange={(next) => change({ ...item, value: next })}
                />
              ) : (
                <span />
              )}
              <ActionIcon
                variant="subtle"
                color="gray"
                size="lg"
                aria-label={t('removeCondition', { number: i + 1 })}
                disabled={value.items.length === 1}
                onClick={() => set(value.items.filter((_, at) => at !== i))}
              >
                <IconX size={16} aria-hidden />
              </ActionIcon>
            </div>
          </fieldset>
        );
      })}
      <Button
        variant="default"
        size="compact-sm"
        style={{ alignSelf: 'start' }}
        leftSection={<IconPlus size={14} aria-hidden />}
        onClick={() => set([...value.items, { field: 'tag', op: 'is', value: '' }])}
      >
        {t('addCondition')}
      </Button>
    </Stack>
  );
}

interface ConditionValueProps {
  item: Condition;
  attributes: Attribute[];
  onChange: (value: string) => void;
}

function ConditionValue({ item, attributes, onChange }: ConditionValueProps) {
  const { t } = useTranslation('contacts');
  const tags = useQuery(contactTagsQuery);
  const value = item.value ?? '';
  switch (typeOf(item.field, attributes)) {
    case 'tag':
      return <Autocomplete label={t('value')} required data={tags.data ?? []} value={value} onChange={onChange} />;
    case 'time':
      return (
        <NumberInput
          label={t('days')}
          required
          min={1}
          max={36500}
          allowDecimal={false}
          value={value}
          onChange={(days) => onChange(String(days))}
        />
      );
    default:
      return (
        <ValueInput
          label={t('value')}
          required
          type={typeOf(item.field, attributes) as ValueType}
          options={attributeOf(item.field, attributes)?.options}
          value={value}
          onChange={(next) => onChange(next === null ? '' : String(next))}
        />
      );
  }
}
