import { IconMessages } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { EmptyState } from '../ui/Page';
import { Conversation } from './Conversation';
import { ConversationList } from './ConversationList';
import { type Filter, filterOf, noFilter, views } from './filter';
import classes from './inbox.module.css';
import { useConversations } from './live';
import { viewsQuery } from './queries';
import { useInboxKeys } from './useInboxKeys';

/** Conversations: the list, and the one that is open. */
export function Inbox() {
  const { t } = useTranslation('inbox');
  const navigate = useNavigate();
  const { c: open, view = 'mine' }: { c?: string; view?: string } = useSearch({ from: '/app/' });
  const [filter, setFilter] = useFilter(view);
  const list = useConversations(filter);
  const select = useCallback(
    (id: string | undefined) =>
      void navigate({ to: '/', search: (before) => ({ part: 'inbox', view: before.view, ...(id ? { c: id } : {}) }) }),
    [navigate],
  );
  useInboxKeys(list.rows, open, select);
  return (
    <div className={classes.inbox} data-open={open ? true : undefined}>
      <ConversationList
        key={view}
        list={list}
        filter={filter}
        view={view}
        onFilter={setFilter}
        open={open}
        onOpen={select}
      />
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

/** The filter of a view, as somebody has changed it since they came to the view. */
function useFilter(view: string): [Filter, (filter: Filter) => void] {
  const saved = useQuery(viewsQuery).data?.find((one) => one.id === view);
  const [kept, keep] = useState<{ view: string; filter: Filter }>();
  if (kept && kept.view !== view) keep(undefined);
  const initial = useMemo(
    () => (saved ? filterOf(saved.filter) : { ...noFilter, view: views.find((name) => name === view) ?? 'all' }),
    [saved, view],
  );
  return [kept?.filter ?? initial, (filter) => keep({ view, filter })];
}
