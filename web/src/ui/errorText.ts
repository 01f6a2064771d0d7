import { useTranslation } from 'react-i18next';
import { Problem } from '../api/problem';

/** The sentence for an error: the translation of its code where there is one, else what the server said. */
export function useErrorText(error: unknown): string {
  const { t, i18n } = useTranslation('errors');
  if (!(error instanceof Problem)) return t('network');
  const fields = error.fields.filter((f) => f.message).map((f) => `${f.field}: ${f.message}`);
  if (i18n.exists(error.code, { ns: 'errors' })) return [t(error.code), ...fields].join(' ');
  return [error.message || t('unknown', { status: error.status }), ...fields].join(' ');
}
