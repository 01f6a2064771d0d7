import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { queuesQuery } from '../api/queries';
import { useCan, useMe } from '../app/session';
import { useColleagues } from './colleagues';

/** The names behind the ids of agents and queues that a conversation's history tells of. */
export function useNames(): { agent: (id: string | undefined) => string; queue: (id: string | undefined) => string } {
  const { t } = useTranslation('inbox');
  const me = useMe();
  const can = useCan();
  const colleagues = useColleagues();
  const queues = useQuery({ ...queuesQuery, enabled: can('read', 'queues'), staleTime: 60_000 });
  return {
    agent: (id) => (id === me.id ? me.name : (colleagues.find((one) => one.id === id)?.name ?? t('somebody'))),
    queue: (id) => queues.data?.find((one) => one.id === id)?.name ?? t('queue'),
  };
}
