import type { Schema } from '../api/client';

type Attachment = Schema['Attachment'];

/** Recordings and voicemails, one list of parts for each call, in the order of their parts. */
export function groupRecordings(attachments: Attachment[]): Attachment[][] {
  const calls = new Map<string, Attachment[]>();
  for (const a of attachments) {
    if (a.kind === 'file') continue;
    const key = `${a.kind} ${a.call_id ?? a.id}`;
    calls.set(key, [...(calls.get(key) ?? []), a]);
  }
  return [...calls.values()].map((parts) => parts.sort((a, b) => (a.part ?? 0) - (b.part ?? 0)));
}
