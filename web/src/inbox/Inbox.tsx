import { IconMessages } from '@tabler/icons-react';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { EmptyState } from '../ui/Page';
import { Conversation } from './Conversation';
import { ConversationList } from './ConversationList';
import { type Filter, noFilter } from './filter';
import classes from './inbox.module.css';
import { useConversations } from './live';
import { useInboxKeys } from './useInboxKeys';

/** Conversations: the list, and the one that is open. */
export function Inbox() {
  const { t } = useTranslation('inbox');
  const navigate = useNavigate();
  const { c: open, view = 'mine' }: { c?: string; view?: string } = useSearch({ from: '/app/' });
  const [rest, setRest] = useState<Omit<Filter, 'view'>>(noFilter);
  const filter: Filter = useStable({ ...rest, view });
  const list = useConversations(filter);
  const select = useCallback(
    (id: string | undefined) =>
      void navigate({ to: '/', search: (before) => ({ part: 'inbox', view: before.view, ...(id ? { c: id } : {}) }) }),
    [navigate],
  );
  useInboxKeys(list.rows, open, select);
  return (
    <div className={classes.inbox} data-open={open ? true : undefined}>
      <ConversationList list={list} filter={filter} onFilter={setRest} open={open} onOpen={select} />
      {open ? (
        <Conversation key={open} id={open} onClose={() => select(undefined)} onChange={list.put} />
      ) : (
        <section className={classes.nothing} aria-label={t('conversation')}>
          <EmptyState
            icon={<IconMessages size={34} stroke={1.3} aria-hidden />}
            title={t('chooseTitle')}
            text={t('chooseText')}
          />
        </section>
      )}
    </div>
  );
}

/** The same object as long as it says the same. */
function useStable<T extends object>(value: T): T {
  const [kept, keep] = useState(value);
  if (JSON.stringify(kept) === JSON.stringify(value)) return kept;
  keep(value);
  return value;
}
