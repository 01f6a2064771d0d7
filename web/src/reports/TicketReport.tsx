import { Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { usePeople } from '../app/people';
import { type Column, DataTable } from '../ui/DataTable';
import { ErrorNotice } from '../ui/ErrorNotice';
import { Section } from '../ui/Page';
import { State } from '../ui/State';
import { Controls } from './Controls';
import { type Question, ticketReportQuery } from './queries';
import classes from './reports.module.css';

type Figures = Schema['TicketFigures'];
type Row = Schema['TicketRow'];
type Figure = keyof Figures;

// What TK-6 and TK-7 aim at.
const targets: Partial<Record<Figure, number>> = { first_contact_resolution: 0.7, satisfied: 0.8 };

const figures: Figure[] = [
  'created',
  'resolved',
  'first_response_seconds',
  'resolution_seconds',
  'first_contact_resolution',
  'satisfied',
  'broken',
];

/** What happened with tickets: all together, by type and by who has them. */
export function TicketReport({ question, onAsk }: { question: Question; onAsk: (q: Question) => void }) {
  const { t } = useTranslation(['reports', 'crm']);
  const { nameOf } = usePeople();
  const report = useQuery(ticketReportQuery(question));
  const show = useShown();
  const table = (noun: 'types' | 'agents', name: (row: Row) => string) => (
    <Section title={t(`tickets.${noun}`)}>
      <Breakdown label={t(`tickets.${noun}`)} rows={report.data?.[noun]} loading={report.isPending} name={name} />
    </Section>
  );
  return (
    <Stack gap="lg">
      <Controls plain noun="queues" question={question} onChange={onAsk} />
      {report.error && <ErrorNotice error={report.error} onRetry={report.refetch} />}
      <dl className={classes.tiles}>
        {figures.map((figure) => {
          const value = report.data?.totals[figure];
          const target = targets[figure];
          return (
            <div key={figure} className={classes.tile}>
              <dt title={t(`tickets.help.${figure}`)}>{t(`tickets.figures.${figure}`)}</dt>
              <dd className="tnum">{show(figure, value)}</dd>
              {target !== undefined && value !== undefined && (
                <dd>
                  <State tone={value >= target ? 'good' : 'warn'}>
                    {t(value >= target ? 'tickets.reached' : 'tickets.missed', { target: show(figure, target) })}
                  </State>
                </dd>
              )}
            </div>
          );
        })}
      </dl>
      {table('types', (row) => (row.type ? t(`crm:type.${row.type}`) : '–'))}
      {table('agents', (row) => nameOf(row.agent_id) || t('crm:ticket.nobody'))}
    </Stack>
  );
}

function Breakdown(props: { label: string; rows: Row[] | undefined; loading: boolean; name: (row: Row) => string }) {
  const { t } = useTranslation('reports');
  const show = useShown();
  const { name } = props;
  const columns = useMemo(
    (): Column<Row>[] => [
      { id: 'name', header: t('tickets.of'), sort: name, cell: name },
      ...figures.map(
        (figure): Column<Row> => ({
          id: figure,
          header: t(`tickets.figures.${figure}`),
          hint: t(`tickets.help.${figure}`),
          align: 'right',
          width: 130,
          sort: (row) => row[figure] ?? -1,
          cell: (row) => <span className="tnum">{show(figure, row[figure])}</span>,
        }),
      ),
    ],
    [t, show, name],
  );
  return (
    <DataTable
      label={props.label}
      rows={props.rows}
      columns={columns}
      loading={props.loading}
      rowKey={(row) => row.type ?? row.agent_id ?? ''}
      empty={t('empty')}
      emptyText={t('emptyText')}
    />
  );
}

/** Shares in per cent, times in the largest units that tell them. */
function useShown(): (figure: Figure, value: number | undefined) => string {
  const { i18n } = useTranslation();
  return useMemo(() => {
    const share = new Intl.NumberFormat(i18n.language, { style: 'percent', maximumFractionDigits: 1 });
    const count = new Intl.NumberFormat(i18n.language);
    const unit = (value: number, name: string) =>
      new Intl.NumberFormat(i18n.language, { style: 'unit', unit: name, maximumFractionDigits: 1 }).format(value);
    return (figure, value) => {
      if (value === undefined) return '–';
      if (figure in targets) return share.format(value);
      if (!figure.endsWith('_seconds')) return count.format(value);
      if (value < 5400) return unit(value / 60, 'minute');
      return value < 48 * 3600 ? unit(value / 3600, 'hour') : unit(value / 86400, 'day');
    };
  }, [i18n.language]);
}
