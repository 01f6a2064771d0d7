import type { Schema } from '../api/client';

export type LiveCall = Schema['LiveCall'];
export type QueuedItem = Schema['QueuedItem'];

/** A row of the calls' lists: the call, or what waits for one, or both. */
export interface CallLine {
  id: string;
  call?: LiveCall;
  item?: QueuedItem;
}

/** What narrows the calls' lists; empty values narrow nothing. */
export interface CallFilters {
  text: string;
  queue: string;
  agent: string;
  team: string;
  state: string;
  number: string;
  language: string;
  /** Seconds that the call has lasted, or waited, at least. */
  longer: string;
}

export const noFilters: CallFilters = {
  text: '',
  queue: '',
  agent: '',
  team: '',
  state: '',
  number: '',
  language: '',
  longer: '',
};

// A row that did not change is the same object in the next picture, so that it need not be drawn again.
const lines = new WeakMap<LiveCall | QueuedItem, CallLine>();

function lineOf(call: LiveCall | undefined, item: QueuedItem | undefined): CallLine {
  const key = (item ?? call) as LiveCall | QueuedItem;
  const known = lines.get(key);
  if (known && known.call === call) return known;
  const line: CallLine = { id: item?.id ?? (call as LiveCall).call_id, ...(call && { call }), ...(item && { item }) };
  lines.set(key, line);
  return line;
}

/** Those who wait, in the order in which they came, with their calls where they have one. */
export function queuedLines(calls: LiveCall[] | undefined, items: QueuedItem[] | undefined): CallLine[] | undefined {
  if (!calls || !items) return undefined;
  const byID = new Map(calls.map((call) => [call.call_id, call]));
  return items.filter((item) => item.kind !== 'chat').map((item) => lineOf(byID.get(item.id), item));
}

export const isConnected = (call: LiveCall): boolean => call.state === 'talking' || call.state === 'held';

// An agent who waits for the answer to a call that they make is as busy as one who talks.
const withAgent = (call: LiveCall): boolean =>
  isConnected(call) || (call.direction === 'outbound' && call.state === 'dialing');

export function connectedLines(calls: LiveCall[] | undefined): CallLine[] | undefined {
  return calls?.filter(withAgent).map((call) => lineOf(call, undefined));
}

/** Since when a line waits, or is connected. */
export const sinceOf = ({ call, item }: CallLine): string =>
  item?.enqueued_at ?? call?.connected_at ?? call?.started_at ?? '';

export const queueOf = ({ call, item }: CallLine): string => item?.queue ?? call?.queue_id ?? '';
export const agentOf = ({ call, item }: CallLine): string => (item ? item.agent : call?.agent_id) ?? '';
export const agentNameOf = ({ call, item }: CallLine): string => (item ? item.agent_name : call?.agent_name) ?? '';
export const stateOf = ({ call }: CallLine): string => call?.state ?? 'waiting';

/** The lines that pass all filters; members are the agents of the team chosen. */
export function filterLines(
  lines: CallLine[] | undefined,
  filters: CallFilters,
  members: string[] | undefined,
  now: number,
): CallLine[] | undefined {
  const text = filters.text.trim().toLowerCase();
  const longer = Number(filters.longer) * 1000;
  return lines?.filter((line) => {
    const { call, item } = line;
    if (filters.queue && queueOf(line) !== filters.queue) return false;
    if (filters.agent && agentOf(line) !== filters.agent) return false;
    if (filters.team && !members?.includes(agentOf(line))) return false;
    if (filters.state === 'stuck' ? !call?.stuck : filters.state && stateOf(line) !== filters.state) return false;
    if (filters.number && call?.number !== filters.number) return false;
    if (filters.language && call?.language !== filters.language) return false;
    if (longer && now - Date.parse(sinceOf(line)) < longer) return false;
    if (!text) return true;
    return [
      call?.caller.number,
      call?.caller.name,
      call?.number,
      agentNameOf(line),
      ...(call?.queue_path ?? [item?.queue_name, item?.caller]),
    ].some((part) => part?.toLowerCase().includes(text));
  });
}

/** How many filters besides the search narrow the list. */
export const countFilters = (filters: CallFilters): number =>
  Object.entries(filters).filter(([name, value]) => name !== 'text' && value).length;
