import { useTranslation } from 'react-i18next';
import type { Failure } from './types';

/** Why a message was not delivered: our sentence, and the platform's words. */
export function useFailureText(): (error: Failure | undefined) => string {
  const { t } = useTranslation('inbox');
  return (error) => {
    if (!error) return t('failed');
    const said = [error.detail, error.code && `(${error.code})`].filter(Boolean).join(' ');
    return [t(`verdict.${error.verdict}`, t('failed')), said].filter(Boolean).join(' ');
  };
}
