import { useTranslation } from 'react-i18next';

/** A value of a custom attribute, for people. */
export function useValueText(): (value: unknown) => string {
  const { t } = useTranslation('common');
  return (value) => {
    if (value === undefined || value === null || value === '') return '–';
    if (typeof value === 'boolean') return t(value ? 'yes' : 'no');
    if (Array.isArray(value)) return value.join(', ') || '–';
    return String(value);
  };
}
