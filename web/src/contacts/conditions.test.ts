import { expect, test } from 'vitest';
import { operatorsOf, withField } from './conditions';

const attributes = [
  { id: '1', key: 'seats', label: 'Seats', type: 'number' as const, options: [] },
  { id: '2', key: 'plan', label: 'Plan', type: 'list' as const, options: ['gold'] },
];

test.each([
  ['tag', ['is', 'is_not']],
  ['company', ['is', 'is_not', 'set', 'unset']],
  ['contacted_at', ['within_days', 'before_days', 'set', 'unset']],
  ['custom.seats', ['is', 'is_not', 'less', 'more', 'set', 'unset']],
])('%s can be asked', (field, ops) => expect(operatorsOf(field, attributes)).toEqual(ops));

test.each([
  [
    { field: 'company', op: 'is', value: 'ACME' } as const,
    'job_title',
    { field: 'job_title', op: 'is', value: 'ACME' },
  ],
  [{ field: 'company', op: 'is_not', value: 'ACME' } as const, 'tag', { field: 'tag', op: 'is_not', value: '' }],
  [
    { field: 'custom.seats', op: 'less', value: '3' } as const,
    'custom.plan',
    { field: 'custom.plan', op: 'is', value: '' },
  ],
])('%j for %s', (condition, field, want) => expect(withField(condition, field, attributes)).toEqual(want));
