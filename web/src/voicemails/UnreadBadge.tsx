import { Badge } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { voicemailsQuery } from '../api/queries';

/** How many messages nobody has listened to. */
export function UnreadBadge() {
  const { t } = useTranslation('voicemail');
  const unread = useQuery(voicemailsQuery('unread'));
  const n = unread.data?.length ?? 0;
  if (n === 0) return null;
  return (
    <Badge size="xs" variant="filled" color="red" aria-label={t('unreadCount', { count: n })} data-unread={n}>
      {n > 99 ? '99+' : n}
    </Badge>
  );
}
