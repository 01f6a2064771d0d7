import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import type { Conversation } from './types';

/** How a customer is called: by name, else by what the channel knows them by. */
export function usePersonName(): (conversation: Pick<Conversation, 'person'>) => string {
  const { t } = useTranslation('inbox');
  return useCallback(
    ({ person }) => person.name || person.username || person.phone || person.id?.slice(0, 24) || t('nameless'),
    [t],
  );
}
