import { Text } from '@mantine/core';
import { modals } from '@mantine/modals';
import { useTranslation } from 'react-i18next';

/** Asks before what cannot be taken back. */
export function useConfirm(): (question: {
  title: string;
  text: string;
  action: string;
  onConfirm: () => void;
}) => void {
  const { t } = useTranslation();
  return ({ title, text, action, onConfirm }) =>
    modals.openConfirmModal({
      title,
      children: <Text size="sm">{text}</Text>,
      labels: { confirm: action, cancel: t('cancel') },
      confirmProps: { color: '#b3261e' },
      onConfirm,
    });
}
