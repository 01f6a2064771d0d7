import { useTranslation } from 'react-i18next';
import { DateTime } from '../ui/time';
import classes from './thread.module.css';
import type { Message } from './types';

/** What has happened to the conversation, in the reader's language; what has no sentence of its own is shown as it was told. */
export function SystemLine({ message }: { message: Message }) {
  const { t, i18n } = useTranslation('inbox');
  const type = message.kind === 'begin' ? 'begin' : (message.body?.type ?? '');
  const key = `system.${type}`;
  const text = i18n.exists(key, { ns: 'inbox' })
    ? t(key, { name: message.author_name ?? '', ...message.body?.data })
    : message.text || t('system.other', { type });
  const from = Object.entries(message.body?.referral ?? {});
  return (
    <div className={classes.system} data-message={message.id}>
      {text} <DateTime time={message.at} short />
      {from.length > 0 && <div>{from.map(([name, value]) => `${name}: ${value}`).join(' · ')}</div>}
    </div>
  );
}
