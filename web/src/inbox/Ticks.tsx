import { IconAlertTriangle, IconCheck, IconChecks, IconClock } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { useFailureText } from './failure';
import classes from './thread.module.css';
import type { Failure, Message } from './types';

/** How far a message of ours has come: a sign for the eye, a word for everybody else. */
export function Ticks({ status, error }: { status: Message['status']; error?: Failure | undefined }) {
  const { t } = useTranslation('inbox');
  const why = useFailureText();
  if (!status) return null;
  const Icon =
    status === 'queued'
      ? IconClock
      : status === 'sent'
        ? IconCheck
        : status === 'failed'
          ? IconAlertTriangle
          : IconChecks;
  const word = t(`status.${status}`);
  return (
    <span className={classes.ticks} data-status={status} title={status === 'failed' ? `${word}: ${why(error)}` : word}>
      <Icon size={15} aria-hidden />
      <span className="sr-only">{word}</span>
    </span>
  );
}
