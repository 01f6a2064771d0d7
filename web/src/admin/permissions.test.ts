import { expect, test } from 'vitest';
import { fromGrants, toGrants } from './permissions';

const grantable = [
  { resource: 'calls', verbs: ['read', 'end'] },
  { resource: 'tickets', verbs: ['read'] },
];

test('wildcards fill the table, the widest scope wins', () => {
  const grants = toGrants(
    [
      { verb: '*', resource: 'calls', scope: 'own' },
      { verb: 'read', resource: '*', scope: 'team' },
      { verb: 'read', resource: 'calls', scope: 'own' },
    ],
    grantable,
  );
  expect([...grants]).toEqual([
    ['read:calls', 'team'],
    ['end:calls', 'own'],
    ['read:tickets', 'team'],
  ]);
});

test('a table becomes a list again', () => {
  const permissions = [
    { verb: 'read', resource: 'calls', scope: 'team' as const },
    { verb: 'read', resource: 'tickets', scope: 'all' as const },
  ];
  expect(fromGrants(toGrants(permissions, grantable))).toEqual(permissions);
});
