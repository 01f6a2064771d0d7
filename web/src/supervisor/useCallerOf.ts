import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import { useCallerText } from '../ui/caller';
import type { CallLine } from './filters';

/** The caller of a line as one text. */
export function useCallerOf(): (line: CallLine) => string {
  const { t } = useTranslation();
  const caller = useCallerText();
  return useCallback(({ call, item }: CallLine) => (call ? caller(call) : item?.caller || t('withheld')), [caller, t]);
}
