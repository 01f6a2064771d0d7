import { expect, test } from 'vitest';
import { filterOf, readSearch } from './search';

test('an address keeps what makes sense', () => {
  const id = '0190b5a0-0000-7000-8000-000000000001';
  const whole = {
    view: 'board',
    status: 'on_hold',
    priority: 'urgent',
    type: 'bug',
    sla: 'at_risk',
    assignee: id,
    sort: 'due',
    q: 'lamp',
  };
  expect(readSearch(whole)).toEqual(whole);
  expect(
    readSearch({
      view: 'x',
      status: 1,
      priority: 'x',
      type: null,
      sla: [],
      assignee: '<script>',
      sort: '',
      q: '',
      other: 'x',
    }),
  ).toEqual({});
  expect(readSearch({ q: 17, assignee: 'nobody' })).toEqual({ q: '17', assignee: 'nobody' });
});

test('a filter asks the server for it', () => {
  expect(filterOf({})).toEqual({ open: true, sort: 'updated' });
  expect(filterOf({ status: 'all', assignee: 'nobody', q: '#7', sort: 'due' })).toEqual({
    unassigned: true,
    search: '#7',
    sort: 'due',
  });
  expect(filterOf({ status: 'resolved', priority: 'low', sla: 'met', type: 'refund', assignee: 'x' })).toEqual({
    status: 'resolved',
    priority: 'low',
    sla: 'met',
    type: 'refund',
    assignee: 'x',
    sort: 'updated',
  });
});
