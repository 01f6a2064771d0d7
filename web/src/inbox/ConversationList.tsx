import { Button, Skeleton } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ErrorNotice } from '../ui/ErrorNotice';
import { EmptyState } from '../ui/Page';
import { SearchInput } from '../ui/SearchInput';
import { ConversationRow } from './ConversationRow';
import { countFilters, type Filter, noFilter } from './filter';
import classes from './inbox.module.css';
import { ListFilters } from './ListFilters';
import type { useConversations } from './live';
import { usePrefetch } from './queries';
import { ViewSelect } from './Views';

const ROW = 76;
// So many rows before the end the next page is asked for.
const AHEAD = 20;
// So many rows above and below those in sight are drawn.
const AROUND = 6;
const TYPED = 250;

/** The list of conversations: search, filters and rows, of which only those in sight are drawn. */
export function ConversationList(props: {
  list: ReturnType<typeof useConversations>;
  filter: Filter;
  view: string;
  onFilter: (filter: Filter) => void;
  open: string | undefined;
  onOpen: (id: string) => void;
}) {
  const { t } = useTranslation(['inbox', 'common']);
  const { list, filter, onFilter } = props;
  const [text, setText] = useState(filter.search);
  const search = useDebouncedCallback((typed: string) => onFilter({ ...filter, search: typed }), TYPED);
  return (
    <section className={classes.list} aria-label={t('conversations')}>
      <div className={classes.listHead}>
        <ViewSelect view={props.view} />
        <div className={classes.searchLine} data-part="search">
          <SearchInput
            label={t('search')}
            value={text}
            width="100%"
            onChange={(typed) => {
              setText(typed);
              search(typed);
            }}
          />
          <ListFilters filter={filter} onChange={onFilter} />
        </div>
      </div>
      {list.error && !list.rows ? (
        <ErrorNotice error={list.error} onRetry={() => void list.refetch()} m="sm" />
      ) : !list.rows ? (
        <Waiting />
      ) : list.rows.length === 0 ? (
        <Nothing filter={filter} onClear={() => onFilter({ ...noFilter, view: filter.view })} />
      ) : (
        <Rows {...props} />
      )}
    </section>
  );
}

function Rows({ list, open, onOpen }: Pick<Parameters<typeof ConversationList>[0], 'list' | 'open' | 'onOpen'>) {
  const { t } = useTranslation(['inbox', 'common']);
  const scroller = useRef<HTMLDivElement>(null);
  const prefetch = usePrefetch();
  const rows = list.rows ?? [];
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    getItemKey: (index) => rows[index]?.id ?? index,
    overscan: AROUND,
  });
  const items = virtual.getVirtualItems();
  // A row that is scrolled out of sight becomes the next one that comes into it: that is far quicker than to make a new one.
  const places = Math.ceil((virtual.scrollRect?.height ?? 0) / ROW) + 2 * AROUND + 1;
  const last = items[items.length - 1]?.index ?? 0;
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = list;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && last >= rows.length - AHEAD) void fetchNextPage();
  }, [last, rows.length, hasNextPage, isFetchingNextPage, fetchNextPage]);

  const move = (event: KeyboardEvent) => {
    const index = Number((event.target as HTMLElement).dataset.index ?? Number.NaN);
    if (Number.isNaN(index) || event.altKey || event.ctrlKey || event.metaKey) return;
    const to = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to === undefined || to < 0 || to >= rows.length) return;
    event.preventDefault();
    virtual.scrollToIndex(to, { align: 'auto' });
    const find = () => scroller.current?.querySelector<HTMLElement>(`[data-index="${to}"]`)?.focus();
    requestAnimationFrame(() => requestAnimationFrame(find));
  };
  return (
    <>
      <div ref={scroller} className={classes.rows}>
        <ul style={{ height: virtual.getTotalSize() }} onKeyDown={move} data-rows={rows.length}>
          {items.map(({ index, start }) => {
            const row = rows[index];
            return row ? (
              <li key={index % places} style={{ height: ROW, transform: `translateY(${start}px)` }}>
                <ConversationRow row={row} index={index} open={row.id === open} onOpen={onOpen} onNear={prefetch} />
              </li>
            ) : null;
          })}
        </ul>
        {isFetchingNextPage && <div className={classes.more}>{t('common:loading')}…</div>}
      </div>
      <span className="sr-only" role="status">
        {hasNextPage ? '' : t('common:rows', { count: rows.length })}
      </span>
    </>
  );
}

function Waiting() {
  const { t } = useTranslation();
  return (
    <div className={classes.rows} aria-busy>
      <span className="sr-only">{t('loading')}</span>
      {[0, 1, 2, 3, 4, 5].map((row) => (
        <div key={row} className={classes.ghost}>
          <Skeleton height={12} width={`${50 + ((row * 17) % 40)}%`} />
          <Skeleton height={10} mt={9} width={`${65 + ((row * 29) % 30)}%`} />
        </div>
      ))}
    </div>
  );
}

function Nothing({ filter, onClear }: { filter: Filter; onClear: () => void }) {
  const { t } = useTranslation('inbox');
  const narrowed = filter.search.trim() !== '' || countFilters(filter) > 0;
  const known = ['mine', 'unassigned', 'team', 'all', 'mentions'].includes(filter.view) ? filter.view : 'saved';
  return narrowed ? (
    <EmptyState
      icon={<IconSearch size={28} stroke={1.4} aria-hidden />}
      title={t('noMatch')}
      action={
        <Button size="compact-sm" variant="default" onClick={onClear}>
          {t('clear')}
        </Button>
      }
    />
  ) : (
    <EmptyState title={t(`empty.${known}`)} text={t(`emptyText.${known}`)} />
  );
}
