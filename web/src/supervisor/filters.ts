import type { Schema } from '../api/client';

type Call = Schema['CallRow'];

/** Calls whose caller, agent or queue contains the text, in the queue chosen. */
export function filterCalls(calls: Call[] | undefined, text: string, queue: string): Call[] | undefined {
  const wanted = text.trim().toLowerCase();
  return calls?.filter((call) => {
    if (queue && call.queue_id !== queue) return false;
    if (!wanted) return true;
    const { number, name } = call.caller;
    return [number, name, call.number, call.agent_name, ...call.queue_path].some((part) =>
      part?.toLowerCase().includes(wanted),
    );
  });
}
