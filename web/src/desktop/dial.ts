import { queryOptions, useQuery } from '@tanstack/react-query';
import { api, body } from '../api/client';
import { useCan } from '../app/session';

/** The queues on whose behalf the person may call. */
const outboundQueuesQuery = queryOptions({
  queryKey: ['queues', 'outbound'],
  queryFn: async () => (await body(api.GET('/api/v1/queues/outbound'))).items,
});

/** The queues on whose behalf the person may call; none for who may not call at all. */
export function useOutboundQueues() {
  const can = useCan();
  return useQuery({ ...outboundQueuesQuery, enabled: can('dial', 'calls') }).data ?? [];
}

/** A number as a link of the page, or of another one (`tel:+49…`), writes it. */
export const dialled = (link: string): string => link.replace(/^tel:/i, '').slice(0, 60);
