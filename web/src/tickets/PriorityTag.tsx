import { useTranslation } from 'react-i18next';
import { State, type Tone } from '../ui/State';
import type { Priority } from './words';

const tones: Record<Priority, Tone> = { urgent: 'bad', high: 'warn', medium: 'info', low: 'quiet' };

export function PriorityTag({ priority }: { priority: Priority }) {
  const { t } = useTranslation('crm');
  return <State tone={tones[priority]}>{t(`priority.${priority}`)}</State>;
}
