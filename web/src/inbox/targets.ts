import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, body } from '../api/client';
import { useColleagues } from './colleagues';

/** The queues and colleagues that a call or conversation of a channel may be handed to, each with how they stand. */
export function useTransferTargets(channel: string) {
  const { t } = useTranslation(['inbox', 'common']);
  const colleagues = useColleagues();
  const { data, error, refetch } = useQuery({
    queryKey: ['queues', 'transfer-targets', channel],
    queryFn: async () =>
      (await body(api.GET('/api/v1/queues/transfer-targets', { params: { query: { channel } } }))).items,
  });
  return {
    queues: (data ?? []).map((one) => ({
      value: one.queue,
      label: [
        one.path.join(' › ') || one.name,
        one.open ? t('freeAgents', { count: one.available_agents }) : t('queueClosed'),
      ].join(' · '),
    })),
    agents: colleagues.map((one) => ({
      value: one.id,
      label: `${one.name} · ${t(`common:presence.${one.presence}`)}`,
    })),
    error,
    refetch,
  };
}
