import { Button, Group } from '@mantine/core';
import { IconClock, IconLock, IconRefresh } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { Problem } from '../api/problem';
import { useErrorText } from '../ui/errorText';
import { AttachmentView } from './Attachments';
import type { Sending } from './outbox';
import classes from './thread.module.css';
import { useOutbox } from './useOutbox';

/** A message that the server has not got yet, or will not have. */
export function SendingLine({ sending }: { sending: Sending }) {
  const { t } = useTranslation('inbox');
  const outbox = useOutbox();
  const refused = sending.state === 'refused';
  const why = useErrorText(new Problem(400, sending.code ?? '', sending.message ?? ''));
  return (
    <article
      className={classes.line}
      data-direction={sending.kind === 'note' ? 'note' : 'out'}
      data-sending={sending.state}
      aria-label={t('sending')}
    >
      <div className={classes.bubbleLine}>
        <div className={classes.bubble}>
          {sending.attachments.length > 0 && (
            <div className={classes.files}>
              {sending.attachments.map((file) => (
                <AttachmentView key={file.id} file={file} onView={() => undefined} />
              ))}
            </div>
          )}
          <div className={classes.text}>{sending.text || sending.template?.preview}</div>
          <div className={classes.foot}>
            {sending.kind === 'note' && <IconLock size={12} aria-hidden />}
            {refused ? t('status.failed') : t('sending')}
            {!refused && <IconClock size={14} aria-hidden />}
          </div>
        </div>
      </div>
      {refused && (
        <div className={classes.failed} role="alert">
          <span>{why}</span>
          <Group gap={6} wrap="nowrap">
            <Button
              size="compact-xs"
              variant="default"
              leftSection={<IconRefresh size={13} />}
              onClick={() => outbox.retry(sending.client_id)}
            >
              {t('retry')}
            </Button>
            <Button size="compact-xs" variant="subtle" onClick={() => outbox.discard(sending.client_id)}>
              {t('discard')}
            </Button>
          </Group>
        </div>
      )}
    </article>
  );
}
