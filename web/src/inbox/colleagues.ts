import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { agentsQuery } from '../api/queries';
import { useCan, useMe } from '../app/session';

/** Somebody who may be mentioned, added or given a conversation. */
export interface Colleague {
  id: string;
  name: string;
  presence?: string;
  /** Has room for one more. */
  free?: boolean;
}

/** The others who answer customers, those who are there first. */
export function useColleagues(): Colleague[] {
  const me = useMe().id;
  const can = useCan();
  const agents = useQuery({ ...agentsQuery, enabled: can('read', 'agents') });
  return useMemo(
    () =>
      (agents.data ?? [])
        .filter((agent) => agent.id !== me)
        .map((agent) => ({
          id: agent.id,
          name: agent.name,
          presence: agent.always_available ? 'AVAILABLE' : agent.presence,
          free: agent.used < agent.capacity,
        }))
        .sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name)),
    [agents.data, me],
  );
}

const rank = (colleague: Colleague): number => (colleague.presence === 'AVAILABLE' ? 0 : 1);

/** Those whom a note names: @ and the whole name. */
export const mentionedIn = (text: string, colleagues: Colleague[]): string[] =>
  colleagues.filter((one) => text.includes(`@${one.name}`)).map((one) => one.id);
