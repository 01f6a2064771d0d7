import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';

/** The default roles are named in the reader's language, others as they were christened. */
export function useRoleName(): (role: { name: string; builtin: boolean }) => string {
  const { t } = useTranslation('admin');
  return useCallback((role) => (role.builtin ? t(`roles.names.${role.name}`, role.name) : role.name), [t]);
}
