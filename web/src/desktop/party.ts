import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import type { Card } from '../phone/protocol';

/** How to name the other party: the contact's name, else the number, else that it is withheld. */
export function usePartyName(): (card: Card | undefined) => string {
  const { t } = useTranslation();
  return useCallback((card) => card?.name || card?.caller || t('withheld'), [t]);
}
