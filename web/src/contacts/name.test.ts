import { expect, test } from 'vitest';
import { contactName } from './name';

test.each([
  ['Ada', 'Lovelace', 'Ada Lovelace'],
  ['', 'Lovelace', 'Lovelace'],
  [' Ada ', '', 'Ada'],
  ['小明', '王', '王小明'],
  ['', '', ''],
])('%s, %s → %s', (first_name, last_name, name) => expect(contactName({ first_name, last_name })).toBe(name));
