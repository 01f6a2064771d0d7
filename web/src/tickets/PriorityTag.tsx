import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { State, type Tone } from '../ui/State';

type Priority = Schema['Ticket']['priority'];

export const priorities: Priority[] = ['urgent', 'high', 'medium', 'low'];
export const ticketTypes: Array<Schema['Ticket']['type']> = [
  'general',
  'bug',
  'feature_request',
  'billing',
  'refund',
  'custom',
];

const tones: Record<Priority, Tone> = { urgent: 'bad', high: 'warn', medium: 'info', low: 'quiet' };

export function PriorityTag({ priority }: { priority: Priority }) {
  const { t } = useTranslation('crm');
  return <State tone={tones[priority]}>{t(`priority.${priority}`)}</State>;
}
