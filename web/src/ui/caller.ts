import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';

/** The caller of a call record as one line: number, with the name before it where the network gave one. */
export function useCallerText(): (call: Pick<Schema['CallRow'], 'caller'>) => string {
  const { t } = useTranslation();
  return useCallback(
    ({ caller }) => {
      if (caller.withheld || !caller.number) return caller.name || t('withheld');
      return caller.name ? `${caller.name} · ${caller.number}` : caller.number;
    },
    [t],
  );
}
