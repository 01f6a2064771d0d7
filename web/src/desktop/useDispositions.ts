import { useQuery } from '@tanstack/react-query';
import { callQuery, queueSettingsQuery } from '../api/queries';
import type { CallView } from '../phone/protocol';

/** The dispositions to choose from: those that came with the call, else those of its queue. */
export function useDispositions(call: CallView): string[] {
  const sent = call.wrap_up?.dispositions;
  const record = useQuery({ ...callQuery(call.id), enabled: sent === undefined });
  const queue = record.data?.queue_id ?? '';
  const settings = useQuery({ ...queueSettingsQuery(queue), enabled: queue !== '' });
  const codes = sent ?? settings.data?.dispositions.value ?? [];
  return codes;
}
