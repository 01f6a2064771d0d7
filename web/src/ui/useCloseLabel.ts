import { useTranslation } from 'react-i18next';

/** The name of the cross in a box's corner. */
export function useCloseLabel(): { 'aria-label': string } {
  const { t } = useTranslation('common');
  return { 'aria-label': t('close') };
}
