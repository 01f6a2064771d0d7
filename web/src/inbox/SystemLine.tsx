import { useTranslation } from 'react-i18next';
import { DateTime } from '../ui/time';
import { useNames } from './names';
import classes from './thread.module.css';
import type { Message } from './types';

/** What has happened to the conversation, in the reader's language; what has no sentence of its own is shown as it was told. */
export function SystemLine({ message }: { message: Message }) {
  const text = useSentence(message);
  const from = Object.entries(message.body?.referral ?? {});
  return (
    <div className={classes.system} data-message={message.id}>
      {text} <DateTime time={message.at} short />
      {from.length > 0 && <div>{from.map(([name, value]) => `${name}: ${value}`).join(' · ')}</div>}
    </div>
  );
}

function useSentence(message: Message): string {
  const { t, i18n } = useTranslation('inbox');
  const names = useNames();
  const type = message.kind === 'begin' ? 'begin' : (message.body?.type ?? '');
  const data = message.body?.data ?? {};
  const key = type === 'transferred' && data.agent ? 'system.transferred_agent' : `system.${type}`;
  if (!i18n.exists(key, { ns: 'inbox' })) return message.text || t('system.other', { type });
  return t(key, {
    agent: message.author_name || names.agent(message.author_id),
    to: names.agent(data.agent),
    queue: names.queue(data.queue),
    why: t(`returnWhy.${data.why}`, t('returnWhy.other')),
    reason: t(`closeReason.${data.reason}`, data.reason ?? ''),
  });
}
