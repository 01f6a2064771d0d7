import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';

/** Says what agents do, or what becomes of one item of theirs. Routing's states are the same for calls and chats. */
export function useWorkText(): (of: Pick<Schema['AgentStatus'], 'state' | 'items'>) => string {
  const { t } = useTranslation(['supervisor', 'common']);
  return ({ state, items }) => {
    const talks = items.filter((item) => item.state === 'INTERACTING' || item.state === 'HELD');
    const count = talks.filter((item) => item.kind === 'chat').length;
    if (state !== 'INTERACTING' || count === 0) return t(`common:routing.${state}`);
    return t(count < talks.length ? 'inCallAndChats' : 'inChats', { count });
  };
}
