import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useMe } from '../app/session';
import { getColleagues } from './routes';

/** Somebody who may be mentioned, added or given a conversation. */
export interface Colleague {
  id: string;
  name: string;
  presence: string;
  /** Has room for one more. */
  free: boolean;
}

/** The others who answer customers, those who are there first. */
export function useColleagues(): Colleague[] {
  const me = useMe().id;
  const all = useQuery({ queryKey: ['agents', 'colleagues'], queryFn: getColleagues, staleTime: 15_000 });
  return useMemo(
    () =>
      (all.data?.items ?? [])
        .filter((one) => one.id !== me)
        .sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name)),
    [all.data, me],
  );
}

const rank = (colleague: Colleague): number => (colleague.presence === 'AVAILABLE' ? 0 : 1);

/** Those whom a note names: @ and the whole name. */
export const mentionedIn = (text: string, colleagues: Colleague[]): string[] =>
  colleagues.filter((one) => text.includes(`@${one.name}`)).map((one) => one.id);
