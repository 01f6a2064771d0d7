import type { Schema } from '../api/client';
import type { Attribute } from './queries';

export type Condition = Schema['ContactCondition'];
type Type = Attribute['type'] | 'tag' | 'time';

/** What conditions can ask for, besides the tenant's own attributes. */
export const builtIn = [
  'tag',
  'contacted_at',
  'created_at',
  'first_name',
  'last_name',
  'email',
  'phone',
  'location',
  'country',
  'company',
  'job_title',
] as const;

const equality: Condition['op'][] = ['is', 'is_not', 'set', 'unset'];

const operators: Record<Type, Condition['op'][]> = {
  text: equality,
  list: equality,
  boolean: equality,
  number: ['is', 'is_not', 'less', 'more', 'set', 'unset'],
  date: ['is', 'is_not', 'before', 'after', 'set', 'unset'],
  tag: ['is', 'is_not'],
  time: ['within_days', 'before_days', 'set', 'unset'],
};

export function attributeOf(field: string, attributes: Attribute[]): Attribute | undefined {
  return attributes.find((a) => `custom.${a.key}` === field);
}

/** The type of what a condition asks for. */
export function typeOf(field: string, attributes: Attribute[]): Type {
  if (field === 'tag') return 'tag';
  if (field === 'contacted_at' || field === 'created_at') return 'time';
  return attributeOf(field, attributes)?.type ?? 'text';
}

export const operatorsOf = (field: string, attributes: Attribute[]): Condition['op'][] =>
  operators[typeOf(field, attributes)];

export const needsValue = (op: Condition['op']): boolean => op !== 'set' && op !== 'unset';

/** A condition for another field: its operator and value stay only where they make sense. */
export function withField(condition: Condition, field: string, attributes: Attribute[]): Condition {
  const ops = operatorsOf(field, attributes);
  const same = typeOf(field, attributes) === typeOf(condition.field, attributes);
  const op = ops.includes(condition.op) ? condition.op : (ops[0] ?? 'is');
  return { field, op, value: same ? (condition.value ?? '') : '' };
}
