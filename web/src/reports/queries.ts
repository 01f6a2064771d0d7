import { queryOptions } from '@tanstack/react-query';
import { api, body, type Schema } from '../api/client';
import type { Noun, Row } from './metrics';
import { type Days, type Interval, plusDays } from './period';

export interface Question extends Days {
  interval: Interval;
  zone: string; // '': the centre's own
  queue: string; // '': all
  agent: string; // '': all
}

export interface Report {
  from: string;
  to: string;
  zone: string;
  items: Row[];
  totals: Schema['QueueTotals'] | Schema['AgentTotals'];
}

function parameters(q: Question) {
  return {
    from: q.from,
    to: plusDays(q.to, 1), // the API's end is not part of the period
    interval: q.interval,
    ...(q.zone ? { zone: q.zone } : {}),
    ...(q.queue ? { queue: [q.queue] } : {}),
  };
}

export const reportQuery = (noun: Noun, q: Question) =>
  queryOptions({
    queryKey: ['reports', noun, q],
    queryFn: async (): Promise<Report> => {
      const query = parameters(q);
      // The answer would be text only for CSV, which is not asked for here.
      return noun === 'queues'
        ? ((await body(api.GET('/api/v1/reports/queues', { params: { query } }))) as Report)
        : ((await body(
            api.GET('/api/v1/reports/agents', {
              params: { query: { ...query, ...(q.agent && { agent: [q.agent] }) } },
            }),
          )) as Report);
    },
    placeholderData: (before: Report | undefined) => before,
  });

/** Where the same report is to be had as CSV. */
export function csvPath(noun: Noun | 'tickets', q: Question): string {
  const { queue, ...rest } = parameters(q);
  const query = new URLSearchParams({ ...rest, format: 'csv' });
  if (queue) query.set('queue', queue.join(','));
  if (noun === 'agents' && q.agent) query.set('agent', q.agent);
  return `/api/v1/reports/${noun}?${query}`;
}

export const ticketReportQuery = ({ from, to, zone }: Question) =>
  queryOptions({
    queryKey: ['reports', 'tickets', { from, to, zone }],
    // The answer would be text only for CSV, which is not asked for here.
    queryFn: async () =>
      (await body(
        api.GET('/api/v1/reports/tickets', {
          params: { query: { from, to: plusDays(to, 1), ...(zone ? { zone } : {}) } },
        }),
      )) as Schema['TicketReport'],
    placeholderData: (before: Schema['TicketReport'] | undefined) => before,
  });
