import { expect, test } from 'vitest';
import { screensOf } from './screens';
import { type Scope, scopeOf } from './session';

const may = (...list: string[]) => ({
  permissions: list.map((text) => {
    const [verb = '', resource = '', scope = ''] = text.split(':');
    return { verb, resource, scope: scope as Scope };
  }),
});

test.each([
  [may(), []],
  [may('*:*:all'), ['desktop', 'supervisor', 'reports', 'voicemails', 'tickets', 'contacts', 'admin']],
  [may('read:calls:own', 'write:calls:own', 'read:tickets:all'), ['desktop', 'tickets']],
  [may('read:calls:team'), ['supervisor']],
  [may('read:reports:team'), ['reports']],
  [may('read:audit:all'), ['admin']],
  [may('read:queues:all', 'read:prompts:all'), []],
])('%o opens %o', (me, screens) => expect(screensOf(me)).toEqual(screens));

test.each([
  [may('read:calls:own', 'read:calls:team'), 'team'],
  [may('*:calls:own', 'read:*:all'), 'all'],
  [may('write:calls:all'), null],
])('%o reads calls: %s', (me, scope) => expect(scopeOf(me, 'read', 'calls')).toBe(scope));
