import { expect, test } from 'vitest';
import en from '../i18n/en/reports.json';
import { addsUp, everything, overview, type Row, series, shown } from './metrics';

test('every metric has its definition, and every definition its metric', () => {
  expect([...everything.queues].sort()).toEqual(Object.keys(en.queueMetrics).sort());
  expect([...everything.agents].sort()).toEqual(Object.keys(en.agentMetrics).sort());
  for (const metric of overview.queues) expect(everything.queues).toContain(metric);
  for (const metric of overview.agents) expect(everything.agents).toContain(metric);
  expect(new Set(everything.queues).size).toBe(everything.queues.length);
  expect(new Set(everything.agents).size).toBe(everything.agents.length);
});

test.each([
  ['offered', 1234, '1,234'],
  ['abandon_rate', 0.1234, '12.3%'],
  ['talk_seconds', 3725, '1:02:05'],
  ['service_level_of_offered', undefined, '–'],
  ['csat', 0.875, '87.5%'],
  ['concurrency', 1.5333, '1.53'],
])('%s of %s is %s', (metric, value, want) => expect(shown(metric, value, 'en')).toBe(want));

test('only what adds up is added up', () => {
  expect(
    ['offered', 'talk_seconds', 'longest_wait_seconds', 'occupancy', 'average_talk_seconds', 'concurrency'].map(addsUp),
  ).toEqual([true, true, false, false, false, false]);
  const rows = [
    { start: 'a', offered: 2 },
    { start: 'a', offered: 3 },
    { start: 'b', offered: 4 },
  ] as Row[];
  expect(series(rows, 'offered')).toEqual([
    { start: 'a', value: 5 },
    { start: 'b', value: 4 },
  ]);
});
