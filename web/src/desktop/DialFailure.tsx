import { Alert } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { CallView } from '../phone/protocol';

const causes = ['busy', 'no_answer', 'declined', 'unreachable', 'normal', 'ended_by_us'];

/** The text's key for why nobody was reached by a call that the agent made; null for a call of another kind. */
export function dialFailure(call: CallView): string | null {
  if (!call.card?.outbound || call.answered_at || !call.cause) return null;
  return `dial.failed.${causes.includes(call.cause) ? call.cause : 'other'}`;
}

/** Says in the wrap-up why nobody was reached. */
export function DialFailure({ call }: { call: CallView }) {
  const { t } = useTranslation('desktop');
  const failure = dialFailure(call);
  if (!failure) return null;
  return (
    <Alert variant="light" color={call.cause === 'normal' ? 'gray' : 'red'} p="sm" role="alert">
      {t(failure)}
    </Alert>
  );
}
