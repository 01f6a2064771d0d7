import { Button, ScrollArea, Skeleton, Table, Text, UnstyledButton } from '@mantine/core';
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
import { type KeyboardEvent, type ReactNode, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import classes from './DataTable.module.css';
import { ErrorNotice } from './ErrorNotice';
import { EmptyState } from './Page';

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
// More are drawn on demand: nobody reads a thousand rows, and twice a second they would cost a core.
const DRAWN = 100;

/** The one table of all lists: sorting, keyboard, and the three states that are not rows. */
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
  const [drawn, setDrawn] = useState(DRAWN);
  const all = table.getRowModel().rows;
  const body = all.slice(0, drawn);
  const loading = props.loading && !rows;

  return (
    <div className={classes.frame}>
      <ScrollArea type="auto" className={classes.scroll}>
        <Table aria-label={props.label} aria-busy={loading} className={classes.table}>
          <Table.Thead>
            <Table.Tr>
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
                    ) : (
                      column.header
                    )}
                  </Table.Th>
                );
              })}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {loading && <SkeletonRows columns={columns.length} />}
            {body.map((row) => (
              <Table.Tr
                key={row.id}
                className={props.onOpen ? classes.open : undefined}
                data-selected={row.id === props.selected || undefined}
                tabIndex={props.onOpen ? 0 : undefined}
                onClick={props.onOpen ? () => props.onOpen?.(row.original) : undefined}
                onKeyDown={props.onOpen ? onEnter(() => props.onOpen?.(row.original)) : undefined}
              >
                {columns.map((column) => (
                  <Table.Td
                    key={column.id}
                    ta={column.align}
                    onClick={column.actions ? (event) => event.stopPropagation() : undefined}
                  >
                    {column.cell(row.original)}
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </ScrollArea>
      {props.error ? <ErrorNotice error={props.error} onRetry={props.onRetry} m="md" /> : null}
      {!props.error && rows?.length === 0 && <EmptyState title={props.empty} text={props.emptyText} />}
      {all.length > drawn && (
        <div className={classes.more}>
          {t('shown', { count: drawn, all: all.length })}
          <Button variant="subtle" size="compact-sm" onClick={() => setDrawn(drawn + DRAWN)}>
            {t('showMore')}
          </Button>
        </div>
      )}
      {props.footer}
      <Text className="sr-only" role="status">
        {loading ? t('loading') : rows ? t('rows', { count: rows.length }) : ''}
      </Text>
    </div>
  );
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
