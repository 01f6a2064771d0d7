import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { ownNotificationsQuery } from '../api/queries';
import type { Language } from '../i18n';
import { notifyFailure } from '../ui/notify';
import { canPush, subscribe, subscription, unsubscribe } from './push';

/** Whether this browser is pushed to, and the switch for it. */
export function usePush() {
  const queries = useQueryClient();
  const { i18n } = useTranslation();
  const own = useQuery(ownNotificationsQuery);
  const here = useQuery({ queryKey: ['push'], queryFn: async () => (await subscription()) !== null, retry: false });
  const change = useMutation({
    mutationFn: async (on: boolean) => {
      if (on) await subscribe(own.data?.push_key ?? '', i18n.language as Language);
      else await unsubscribe();
    },
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: ['push'] });
      void queries.invalidateQueries({ queryKey: ownNotificationsQuery.queryKey });
    },
    onError: notifyFailure,
  });
  return {
    possible: canPush(),
    on: here.data === true,
    ready: own.data !== undefined && here.data !== undefined,
    busy: change.isPending,
    change: change.mutate,
  };
}
