import { ScrollArea, Skeleton, Table, Text, Tooltip, UnstyledButton } from '@mantine/core';
import { IconArrowDown, IconArrowsSort, IconArrowUp } from '@tabler/icons-react';
import {
  type ColumnDef,
  createSortedRowModel,
  rowSortingFeature,
  sortFn_alphanumeric,
  sortFn_text,
  tableFeatures,
  useTable,
} from '@tanstack/react-table';
import {
  type KeyboardEvent,
  memo,
  type ReactNode,
  type Ref,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import { useTranslation } from 'react-i18next';
import classes from './DataTable.module.css';
import { ErrorNotice } from './ErrorNotice';
import { EmptyState } from './Page';
import { useRowWindow } from './useRowWindow';

const features = tableFeatures({
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
  sortFns: { alphanumeric: sortFn_alphanumeric, text: sortFn_text },
});

export interface Column<T> {
  id: string;
  header: string;
  cell: (row: T) => ReactNode;
  /** Makes the column sortable. */
  sort?: (row: T) => string | number;
  width?: number | string;
  align?: 'right';
  /** Row buttons: no sorting, a header for screen readers only. */
  actions?: boolean;
  /** What the header means, shown on pointing at it and on focus. */
  hint?: string;
  /** What stands below the column: all rows together. */
  total?: ReactNode;
}

export interface DataTableProps<T> {
  label: string;
  rows: T[] | undefined;
  columns: Column<T>[];
  rowKey: (row: T) => string;
  loading?: boolean;
  error?: unknown;
  onRetry?: () => void;
  empty: string;
  emptyText?: string;
  onOpen?: (row: T) => void;
  selected?: string;
  sortBy?: { id: string; desc: boolean };
  footer?: ReactNode;
}

const noRows: never[] = [];

/** The one table of all lists: sorting, keyboard, and the three states that are not rows. Of a long list only what is in sight is drawn. */
export function DataTable<T>(props: DataTableProps<T>) {
  const { t } = useTranslation();
  const { columns, rowKey, rows } = props;
  const defs = useMemo(
    () =>
      columns.map(
        (c): ColumnDef<typeof features, T & object, unknown> => ({
          id: c.id,
          accessorFn: (row: T & object) => c.sort?.(row),
          enableSorting: c.sort !== undefined,
          sortUndefined: 'last',
        }),
      ),
    [columns],
  );
  const table = useTable({
    features,
    columns: defs,
    data: (rows ?? noRows) as Array<T & object>,
    getRowId: (row: T & object) => rowKey(row),
    initialState: { sorting: props.sortBy ? [props.sortBy] : [] },
  });
  const byID = new Map(columns.map((c) => [c.id, c]));
  const all = table.getRowModel().rows;
  const loading = props.loading && !rows;
  const body = useRef<HTMLTableSectionElement>(null);
  const drawn = useRowWindow(body, all.length);
  const open = useLatest(props.onOpen);

  return (
    <div className={classes.frame}>
      <ScrollArea type="auto" className={classes.scroll}>
        <Table
          aria-label={props.label}
          aria-busy={loading}
          aria-rowcount={all.length + 1}
          className={classes.table}
          data-long={drawn.long || undefined}
        >
          <Table.Thead>
            <Table.Tr aria-rowindex={1}>
              {table.getHeaderGroups()[0]?.headers.map((header) => {
                const column = byID.get(header.column.id) as Column<T>;
                const sorted = header.column.getIsSorted();
                return (
                  <Table.Th
                    key={header.id}
                    w={column.width}
                    ta={column.align}
                    aria-sort={sorted === 'asc' ? 'ascending' : sorted === 'desc' ? 'descending' : undefined}
                  >
                    {column.actions ? (
                      <span className="sr-only">{column.header}</span>
                    ) : column.sort ? (
                      <Tooltip label={column.hint} disabled={!column.hint} multiline maw={280}>
                        <UnstyledButton
                          className={classes.sort}
                          data-align={column.align}
                          onClick={header.column.getToggleSortingHandler()}
                        >
                          {column.header}
                          {sorted === 'asc' ? (
                            <IconArrowUp size={13} aria-hidden />
                          ) : sorted === 'desc' ? (
                            <IconArrowDown size={13} aria-hidden />
                          ) : (
                            <IconArrowsSort size={13} aria-hidden className={classes.unsorted} />
                          )}
                        </UnstyledButton>
                      </Tooltip>
                    ) : (
                      column.header
                    )}
                  </Table.Th>
                );
              })}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody ref={body} onKeyDown={props.onOpen ? drawn.onKeyDown : undefined} onFocus={drawn.onFocus}>
            {loading && <SkeletonRows columns={columns.length} />}
            <Gap height={drawn.before} columns={columns.length} />
            {drawn.indexes.map((index) => {
              const row = all[index];
              return row ? (
                <Row
                  key={row.id}
                  ref={drawn.measure}
                  index={index}
                  row={row.original as T}
                  columns={columns}
                  selected={row.id === props.selected}
                  onOpen={props.onOpen && (open as (row: T) => void)}
                />
              ) : null;
            })}
            <Gap height={drawn.after} columns={columns.length} />
          </Table.Tbody>
          {all.length > 0 && columns.some((c) => c.total !== undefined) && (
            <Table.Tfoot>
              <Table.Tr className={classes.totals}>
                {columns.map((column) => (
                  <Table.Td key={column.id} ta={column.align}>
                    {column.total}
                  </Table.Td>
                ))}
              </Table.Tr>
            </Table.Tfoot>
          )}
        </Table>
      </ScrollArea>
      {props.error ? <ErrorNotice error={props.error} onRetry={props.onRetry} m="md" /> : null}
      {!props.error && rows?.length === 0 && <EmptyState title={props.empty} text={props.emptyText} />}
      {props.footer}
      <Announced text={loading ? t('loading') : rows ? t('rows', { count: rows.length }) : ''} />
    </div>
  );
}

interface RowProps<T> {
  row: T;
  columns: Column<T>[];
  index: number;
  selected: boolean;
  onOpen: ((row: T) => void) | undefined;
  ref: Ref<HTMLTableRowElement>;
}

// Drawn again only when its own row has changed: a live list changes twice a second.
const Row = memo(function Row<T>({ row, columns, index, selected, onOpen, ref }: RowProps<T>) {
  return (
    <Table.Tr
      ref={ref}
      data-index={index}
      aria-rowindex={index + 2}
      className={onOpen ? classes.open : undefined}
      data-selected={selected || undefined}
      tabIndex={onOpen ? 0 : undefined}
      onClick={onOpen ? () => onOpen(row) : undefined}
      onKeyDown={onOpen ? onEnter(() => onOpen(row)) : undefined}
    >
      {columns.map((column) => (
        <Table.Td
          key={column.id}
          ta={column.align}
          onClick={column.actions ? (event) => event.stopPropagation() : undefined}
        >
          {column.cell(row)}
        </Table.Td>
      ))}
    </Table.Tr>
  );
}) as <T>(props: RowProps<T>) => ReactNode;

/** The room of rows that are out of sight. */
function Gap({ height, columns }: { height: number; columns: number }) {
  if (height <= 0) return null;
  return (
    <tr aria-hidden>
      <td colSpan={columns} style={{ height, padding: 0 }} />
    </tr>
  );
}

// How long the list is, said once it has stood still: a list that changes twice a second must not talk all the time.
function Announced({ text }: { text: string }) {
  const [said, say] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => say(text), 1000);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <Text className="sr-only" role="status">
      {said}
    </Text>
  );
}

/** A function that stays the same and does what the newest one does. */
function useLatest<A>(act: ((value: A) => void) | undefined): (value: A) => void {
  const latest = useRef(act);
  useEffect(() => {
    latest.current = act;
  });
  return useCallback((value: A) => latest.current?.(value), []);
}

function SkeletonRows({ columns }: { columns: number }) {
  return [0, 1, 2, 3, 4].map((row) => (
    <Table.Tr key={row} aria-hidden>
      {Array.from({ length: columns }, (_, column) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: placeholders have no identity
        <Table.Td key={column}>
          <Skeleton height={12} my={4} width={`${55 + ((row * 17 + column * 29) % 40)}%`} />
        </Table.Td>
      ))}
    </Table.Tr>
  ));
}

function onEnter(open: () => void) {
  return (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.target !== event.currentTarget) return;
    event.preventDefault();
    open();
  };
}
