import { useTranslation } from 'react-i18next';
import { partOf } from './template';

/** What people read beside the field for a template's variable. */
export function useVariableLabel(): (key: string) => string {
  const { t } = useTranslation('inbox');
  return (key) => {
    const { part, ...value } = partOf(key);
    return part ? t(`variable.${part}`, value) : key;
  };
}
