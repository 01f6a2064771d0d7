import type { Schema } from '../api/client';
import { clock } from '../ui/format';

export type QueueRow = Schema['QueueRow'];
export type AgentRow = Schema['AgentRow'];
export type Row = QueueRow | AgentRow;
export type Noun = 'queues' | 'agents';

type Numbers<T> = { [K in keyof T]-?: NonNullable<T[K]> extends number ? K : never }[keyof T] & string;
export type QueueMetric = Numbers<QueueRow>;
export type AgentMetric = Numbers<AgentRow>;
export type Metric = QueueMetric | AgentMetric;

/** The columns of the overview; docs/reports.md defines all of them. */
export const overview: { queues: QueueMetric[]; agents: AgentMetric[] } = {
  queues: [
    'offered',
    'handled',
    'abandoned',
    'abandoned_short',
    'abandoned_in_menu',
    'abandon_rate',
    'service_level_of_offered',
    'service_level_of_handled',
    'average_speed_of_answer_seconds',
    'longest_wait_seconds',
    'average_handle_seconds',
    'transfer_rate',
    'deflected',
    'voicemails',
  ],
  agents: [
    'handled',
    'missed',
    'unreachable',
    'login_seconds',
    'productive_seconds',
    'ready_seconds',
    'handling_seconds',
    'occupancy',
    'utilisation',
    'average_handle_seconds',
    'transfer_rate',
    'rona_rate',
  ],
};

/** The columns about conversations. */
export const conversations: { queues: QueueMetric[]; agents: AgentMetric[] } = {
  queues: [
    'enquiries',
    'messages_in',
    'messages_out',
    'messages_failed',
    'first_responses',
    'average_first_response_seconds',
    'first_response_seconds',
    'responses',
    'average_response_seconds',
    'response_seconds',
    'conversations_closed',
    'closed_customer_silent',
    'closed_never_wrote',
    'returned_agent_silent',
    'average_resolution_seconds',
    'resolution_seconds',
    'rated',
    'satisfied',
    'csat',
    'score_sum',
    'average_score',
  ],
  agents: [
    'messages_out',
    'first_responses',
    'average_first_response_seconds',
    'first_response_seconds',
    'responses',
    'average_response_seconds',
    'response_seconds',
    'conversations_closed',
    'closed_customer_silent',
    'returned_agent_silent',
    'rated',
    'satisfied',
    'csat',
    'score_sum',
    'average_score',
    'concurrency',
    'conversation_seconds',
    'conversing_seconds',
  ],
};

// Of calls that agents make.
const outbound = ['outbound', 'outbound_connected', 'outbound_talk_seconds'] as const;

/** Every metric, in the order of docs/reports.md. */
export const everything: { queues: QueueMetric[]; agents: AgentMetric[] } = {
  queues: [
    'offered',
    'handled',
    'handled_in_time',
    'abandoned',
    'abandoned_short',
    'abandoned_in_time',
    'abandoned_in_queue',
    'abandoned_ringing',
    'abandoned_connecting',
    'abandoned_in_menu',
    'moved_on',
    'deflected_waiting',
    'ended_waiting',
    'lost',
    'abandon_rate',
    'service_level_of_handled',
    'service_level_of_offered',
    'service_level_without_short_abandons',
    'service_level_with_abandons',
    'average_speed_of_answer_seconds',
    'longest_wait_seconds',
    'wait_handled_seconds',
    'wait_abandoned_seconds',
    'completed',
    'average_handle_seconds',
    'average_talk_seconds',
    'average_hold_seconds',
    'average_wrap_up_seconds',
    'talk_seconds',
    'hold_seconds',
    'wrap_up_seconds',
    'transferred',
    'transfer_rate',
    'offers',
    'missed',
    'declined',
    'unreachable',
    'ring_seconds',
    'rona_rate',
    'estimated',
    'estimate_error_seconds',
    'average_estimate_error_seconds',
    'callbacks',
    'callbacks_connected',
    'callback_success',
    ...outbound,
    'voicemails',
    'deflected',
    'deflected_message',
    'deflected_voicemail',
    'deflected_queue',
    'deflected_number',
    'deflected_callback',
    ...conversations.queues,
  ],
  agents: [
    'handled',
    'completed',
    'talk_seconds',
    'hold_seconds',
    'wrap_up_seconds',
    'average_handle_seconds',
    'average_talk_seconds',
    'average_hold_seconds',
    'average_wrap_up_seconds',
    'transferred',
    'transfer_rate',
    'offers',
    'missed',
    'declined',
    'unreachable',
    'ring_seconds',
    'rona_rate',
    ...outbound,
    'login_seconds',
    'available_seconds',
    'away_seconds',
    'busy_seconds',
    'productive_seconds',
    'ready_seconds',
    'handling_seconds',
    'barred_seconds',
    'occupancy',
    'utilisation',
    ...conversations.agents,
  ],
};

const shares = /(_rate|^service_level_.*|^occupancy|^utilisation|^callback_success|^csat)$/;

export const isShare = (metric: string): boolean => shares.test(metric);
/** Whether the values of several rows may be added. */
export const addsUp = (metric: string): boolean =>
  !isShare(metric) && !metric.startsWith('average_') && metric !== 'longest_wait_seconds' && metric !== 'concurrency';

/** A value as people read it: times as clocks, shares in percent. */
export function shown(metric: string, value: number | undefined, language: string): string {
  if (value === undefined) return '–';
  if (isShare(metric)) {
    return new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 }).format(value);
  }
  if (metric.endsWith('_seconds')) return clock(Math.round(value));
  return new Intl.NumberFormat(language, { maximumFractionDigits: 2 }).format(value);
}

/** The row's value; a figure without a denominator is not there. */
export const amount = (row: object, metric: string): number | undefined => {
  const value = (row as Record<string, unknown>)[metric];
  return typeof value === 'number' ? value : undefined;
};

/** What a chart shows: the sums of rows that begin at the same time, in order. */
export function series(rows: readonly Row[], metric: string): Array<{ start: string; value: number }> {
  const sums = new Map<string, number>();
  for (const row of rows) sums.set(row.start, (sums.get(row.start) ?? 0) + (amount(row, metric) ?? 0));
  return [...sums].map(([start, value]) => ({ start, value }));
}
