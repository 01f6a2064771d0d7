import { Button } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import type { UseQueryResult } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { useCan } from '../app/session';
import { type Column, DataTable } from '../ui/DataTable';
import { Page } from '../ui/Page';

interface ListPageProps<T> {
  title: string;
  noun: string;
  add: string;
  query: UseQueryResult<T[]>;
  columns: Column<T>[];
  rowKey: (row: T) => string;
  sortBy?: { id: string; desc: boolean };
  empty: string;
  emptyText: string;
  /** Above the list: what narrows it. */
  filter?: ReactNode;
  form: (thing: T | null, onClose: () => void) => ReactNode;
}

/** A list of things to set up, with a form beside it for one of them. */
export function ListPage<T>(props: ListPageProps<T>) {
  const can = useCan();
  const [editing, setEditing] = useState<T | 'new' | null>(null);
  const { query } = props;
  return (
    <Page
      title={props.title}
      actions={
        can('write', props.noun) && (
          <Button leftSection={<IconPlus size={16} />} onClick={() => setEditing('new')}>
            {props.add}
          </Button>
        )
      }
    >
      {props.filter && <div style={{ marginBottom: 12 }}>{props.filter}</div>}
      <DataTable
        label={props.title}
        rows={query.data}
        loading={query.isPending}
        error={query.error}
        onRetry={query.refetch}
        columns={props.columns}
        rowKey={props.rowKey}
        onOpen={setEditing}
        sortBy={props.sortBy}
        empty={props.empty}
        emptyText={props.emptyText}
      />
      {editing !== null && props.form(editing === 'new' ? null : editing, () => setEditing(null))}
    </Page>
  );
}
