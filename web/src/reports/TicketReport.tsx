import { Button, SegmentedControl, Stack } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import { usePeople } from '../app/people';
import { useTicketTypes } from '../tickets/types';
import { type Column, DataTable } from '../ui/DataTable';
import { ErrorNotice } from '../ui/ErrorNotice';
import { Section } from '../ui/Page';
import { State } from '../ui/State';
import { Controls } from './Controls';
import { csvPath, type Question, ticketReportQuery } from './queries';
import classes from './reports.module.css';

const Chart = lazy(() => import('./Chart'));

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
  const { nameOf: typeName } = useTicketTypes();
  const report = useQuery(ticketReportQuery(question));
  const show = useShown();
  const table = (noun: 'types' | 'agents', name: (row: Row) => string) => (
    <Section title={t(`tickets.${noun}`)}>
      <Breakdown label={t(`tickets.${noun}`)} rows={report.data?.[noun]} loading={report.isPending} name={name} />
    </Section>
  );
  return (
    <Stack gap="lg">
      <Controls plain noun="queues" question={question} onChange={onAsk}>
        <Button
          component="a"
          variant="default"
          href={csvPath('tickets', { ...question, interval: 'total', queue: '' })}
          download
          leftSection={<IconDownload size={16} aria-hidden />}
        >
          {t('csv')}
        </Button>
      </Controls>
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
      {(report.data?.days.length ?? 0) > 1 && <Daily days={report.data?.days ?? []} />}
      {table('types', (row) => row.type_name || typeName(row.type ?? ''))}
      {table('agents', (row) => nameOf(row.agent_id) || t('crm:ticket.nobody'))}
    </Stack>
  );
}

/** How many tickets were made, or resolved, on each day. */
function Daily({ days }: { days: Schema['TicketDay'][] }) {
  const { t, i18n } = useTranslation('reports');
  const [figure, setFigure] = useState<'created' | 'resolved'>('created');
  const bars = useMemo(() => {
    // A day is one, wherever it is looked at.
    const name = new Intl.DateTimeFormat(i18n.language, { timeZone: 'UTC', month: 'short', day: 'numeric' });
    return days.map((day) => ({ label: name.format(new Date(day.day)), value: day[figure] }));
  }, [days, figure, i18n.language]);
  const title = t('tickets.daily', { figure: t(`tickets.figures.${figure}`) });
  return (
    <Section
      title={title}
      actions={
        <SegmentedControl
          size="xs"
          aria-label={t('chartOf')}
          data={(['created', 'resolved'] as const).map((value) => ({ value, label: t(`tickets.figures.${value}`) }))}
          value={figure}
          onChange={(value) => setFigure(value as typeof figure)}
        />
      }
    >
      <div className={classes.chartFrame}>
        <Suspense fallback={<div className={classes.chart} />}>
          <Chart title={title} bars={bars} show={String} />
        </Suspense>
      </div>
    </Section>
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
