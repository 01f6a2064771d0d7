import { useTranslation } from 'react-i18next';
import type { TicketStatus } from '../api/queries';
import { Tag, type Tone } from '../ui/State';

const tones: Record<TicketStatus, Tone> = {
  to_do: 'info',
  in_progress: 'warn',
  on_hold: 'quiet',
  resolved: 'good',
  reopened: 'bad',
};

export function TicketStatusTag({ status }: { status: TicketStatus }) {
  const { t } = useTranslation('crm');
  return <Tag tone={tones[status]}>{t(`status.${status}`)}</Tag>;
}
