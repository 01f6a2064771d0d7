import { useTranslation } from 'react-i18next';
import type { Card } from '../phone/protocol';
import { Tag } from '../ui/State';

/** Which colleague the caller comes from: one who asks this agent in, or who has sent the caller on. */
export function From({ card, consulted }: { card: Card; consulted: boolean }) {
  const { t } = useTranslation('desktop');
  if (card.consulted_by && consulted)
    return <Tag tone="info">{t('card.consultedBy', { name: card.consulted_by })}</Tag>;
  const name = card.consulted_by || card.transferred_by;
  return name ? <Tag tone="info">{t('card.transferredBy', { name })}</Tag> : null;
}
