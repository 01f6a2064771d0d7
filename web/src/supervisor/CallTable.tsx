import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { teamsQuery } from '../api/queries';
import { useCan } from '../app/session';
import { type Column, DataTable } from '../ui/DataTable';
import { useNow } from '../ui/time';
import { CallToolbar } from './CallToolbar';
import { type CallFilters, type CallLine, filterLines, noFilters } from './filters';

/** The frame of both lists of calls: search, filters, and the table. */
export function CallTable(props: {
  label: string;
  lines: CallLine[] | undefined;
  columns: Column<CallLine>[];
  states: string[];
  sortBy: string;
  empty: string;
  emptyText: string;
  onOpen: (id: string) => void;
  selected: string | undefined;
}) {
  const { t } = useTranslation('supervisor');
  const can = useCan();
  const [filters, setFilters] = useState<CallFilters>(noFilters);
  const teams = useQuery({ ...teamsQuery, enabled: can('read', 'teams') });
  const members = teams.data?.find((team) => team.id === filters.team)?.members;
  const at = useNow(filters.longer !== ''); // the only filter that time alone changes
  const rows = useMemo(() => filterLines(props.lines, filters, members, at), [props.lines, filters, members, at]);
  const none = props.lines?.length === 0;
  return (
    <>
      <CallToolbar filters={filters} onChange={setFilters} states={props.states} />
      <DataTable
        label={props.label}
        rows={rows}
        loading={!props.lines}
        columns={props.columns}
        rowKey={idOf}
        onOpen={(line) => props.onOpen(line.id)}
        selected={props.selected ?? ''}
        sortBy={{ id: props.sortBy, desc: false }}
        empty={none ? props.empty : t('noMatch')}
        emptyText={none ? props.emptyText : undefined}
      />
    </>
  );
}

const idOf = (line: CallLine): string => line.id;
