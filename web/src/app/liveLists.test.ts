import { describe, expect, test } from 'vitest';
import { LiveRows } from './liveLists';

interface Row {
  id: string;
  n: number;
}

const rows = (of: LiveRows<Row>) => of.state.rows?.map((r) => `${r.id}${r.n}`).join(' ');

describe('a live list', () => {
  test('is shown once it is whole, and keeps what did not change', () => {
    const list = new LiveRows<Row>((r) => r.id);
    expect(list.take({ list: 'calls', reset: true, more: true, rows: [{ id: 'a', n: 1 }] })).toBe(false);
    expect(list.state.rows).toBeUndefined();
    expect(list.take({ list: 'calls', rows: [{ id: 'b', n: 1 }] })).toBe(true);
    expect(rows(list)).toBe('a1 b1');
    const a = list.state.rows?.[0];
    expect(list.take({ list: 'calls', rows: [{ id: 'b', n: 2 }] })).toBe(true);
    expect(rows(list)).toBe('a1 b2');
    expect(list.state.rows?.[0]).toBe(a);
    list.take({ list: 'calls', removed: ['a'], rows: [{ id: 'c', n: 3 }] });
    expect(rows(list)).toBe('b2 c3');
  });

  test('shows the last picture while it is asked for anew', () => {
    const list = new LiveRows<Row>((r) => r.id);
    list.take({ list: 'calls', reset: true, rows: [{ id: 'a', n: 1 }] });
    list.restart();
    expect(list.take({ list: 'calls', rows: [{ id: 'z', n: 9 }] })).toBe(false);
    expect(rows(list)).toBe('a1');
    list.take({ list: 'calls', reset: true });
    expect(list.state.rows).toEqual([]);
  });

  test('ends when the permission goes', () => {
    const list = new LiveRows<Row>((r) => r.id);
    list.take({ list: 'calls', reset: true, rows: [{ id: 'a', n: 1 }] });
    expect(list.take({ list: 'calls', denied: true })).toBe(true);
    expect(list.state).toEqual({ rows: undefined, denied: true });
  });
});
