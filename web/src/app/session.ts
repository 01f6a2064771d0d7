import { queryOptions, useMutation, useQueryClient, useSuspenseQuery } from '@tanstack/react-query';
import { api, body, type Schema } from '../api/client';
import { Problem } from '../api/problem';
import { unsubscribe } from '../profile/push';

export type Me = Schema['Me'];
export type Scope = 'own' | 'team' | 'all';

/** Who is signed in; null for nobody. */
export const meQuery = queryOptions({
  queryKey: ['me'],
  staleTime: 5 * 60_000,
  queryFn: async (): Promise<Me | null> => {
    try {
      return await body(api.GET('/api/v1/me'));
    } catch (error) {
      if (error instanceof Problem && error.status === 401) return null;
      throw error;
    }
  },
});

/** The signed-in person. For screens inside the shell, which is only there for one. */
export function useMe(): Me {
  const { data } = useSuspenseQuery(meQuery);
  if (!data) throw new Error('nobody is signed in');
  return data;
}

const widths: Scope[] = ['own', 'team', 'all'];

/** How far the person's permission reaches, or null without one. What is hidden here is refused by the server as well. */
export function scopeOf(me: Pick<Me, 'permissions'>, verb: string, resource: string): Scope | null {
  let widest = -1;
  for (const p of me.permissions) {
    if ((p.verb === verb || p.verb === '*') && (p.resource === resource || p.resource === '*')) {
      widest = Math.max(widest, widths.indexOf(p.scope));
    }
  }
  return widths[widest] ?? null;
}

export function useCan(): (verb: string, resource: string) => boolean {
  const me = useMe();
  return (verb, resource) => scopeOf(me, verb, resource) !== null;
}

export function useSignOut(): () => void {
  const queries = useQueryClient();
  const { mutate } = useMutation({
    mutationFn: async () => {
      // The next person at this browser must not be pushed to in the name of this one.
      await unsubscribe().catch(() => undefined);
      return api.POST('/api/v1/logout');
    },
    // Also when it failed: whoever pressed the button wants to be out.
    onSettled: () => {
      queries.clear();
      queries.setQueryData(meQuery.queryKey, null);
      window.location.assign('/login');
    },
  });
  return () => mutate();
}
