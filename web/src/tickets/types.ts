import { useQuery } from '@tanstack/react-query';
import { useCallback, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { ticketTypesQuery } from '../api/queries';
import { useCan } from '../app/session';

/** The types that every tenant has. */
export const builtInTypes = ['general', 'bug', 'feature_request', 'billing', 'refund', 'custom'] as const;

const builtIn = (type: string) => builtInTypes.find((one) => one === type);

/** Whether a type is one of the tenant's own: its id is its name for programs. */
export const isOwnType = (type: string): boolean => builtIn(type) === undefined;

/** The types of tickets for people: those that everybody has, and the tenant's own. */
export function useTicketTypes() {
  const { t } = useTranslation('crm');
  const can = useCan();
  const { data } = useQuery({ ...ticketTypesQuery, enabled: can('read', 'tickets') });
  const nameOf = useCallback(
    (type: string): string => {
      const known = builtIn(type);
      return known ? t(`type.${known}`) : (data?.find((one) => one.type === type)?.name ?? '–');
    },
    [t, data],
  );
  const options = useMemo(() => {
    const own = data?.filter((one) => isOwnType(one.type)).map((one) => one.type) ?? [];
    return [...builtInTypes, ...own].map((value) => ({ value, label: nameOf(value) }));
  }, [data, nameOf]);
  return { nameOf, options };
}
