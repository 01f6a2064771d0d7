import { Text } from '@mantine/core';
import { modals } from '@mantine/modals';
import { useTranslation } from 'react-i18next';
import { useCloseLabel } from './useCloseLabel';

/** Asks before what cannot be taken back. */
export function useConfirm(): (question: {
  title: string;
  text: string;
  action: string;
  onConfirm: () => void;
}) => void {
  const { t } = useTranslation('common');
  const closeButtonProps = useCloseLabel();
  return ({ title, text, action, onConfirm }) =>
    modals.openConfirmModal({
      title,
      closeButtonProps,
      children: <Text size="sm">{text}</Text>,
      labels: { confirm: action, cancel: t('cancel') },
      confirmProps: { color: '#b3261e' },
      onConfirm,
    });
}
