import { Button, SegmentedControl, Select, Tabs } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useCan } from '../app/session';
import { type Column, DataTable } from '../ui/DataTable';
import { dateTime } from '../ui/format';
import { Page } from '../ui/Page';
import { Controls } from './Controls';
import {
  addsUp,
  amount,
  conversations,
  everything,
  type Metric,
  type Noun,
  overview,
  type Row,
  series,
  shown,
} from './metrics';
import { dateIn, daysOf, fits, type Interval } from './period';
import { csvPath, type Question, reportQuery } from './queries';
import { Reasons } from './Reasons';
import classes from './reports.module.css';
import { TicketReport } from './TicketReport';

const Chart = lazy(() => import('./Chart'));

export const nouns: Noun[] = ['queues', 'agents'];

/** The sets of columns to choose from. */
const sets = { basic: overview, conversations, all: everything };
type Columns = keyof typeof sets;

/** What happened in queues and what agents did, in any period. */
export function Reports() {
  const { t } = useTranslation('reports');
  const { tab = 'queues' }: { tab?: string } = useSearch({ from: '/app/reports' });
  const navigate = useNavigate();
  const [question, setQuestion] = useState<Question>(() => ({
    ...daysOf('today', dateIn(Date.now())),
    interval: 'total',
    zone: '',
    queue: '',
    agent: '',
  }));
  const can = useCan();
  const noun: Noun = tab === 'agents' ? 'agents' : 'queues';
  const ofTickets = tab === 'tickets';
  return (
    <Page
      title={t('title')}
      actions={
        !ofTickets && (
          <Button
            component="a"
            variant="default"
            href={csvPath(noun, question)}
            download
            leftSection={<IconDownload size={16} aria-hidden />}
          >
            {t('csv')}
          </Button>
        )
      }
    >
      <Tabs
        value={ofTickets ? 'tickets' : noun}
        onChange={(value) => value && void navigate({ to: '/reports', search: { tab: value } })}
        keepMounted={false}
      >
        <Tabs.List>
          {nouns.map((name) => (
            <Tabs.Tab key={name} value={name}>
              {t(name)}
            </Tabs.Tab>
          ))}
          {can('read', 'tickets') && <Tabs.Tab value="tickets">{t('tickets.title')}</Tabs.Tab>}
        </Tabs.List>
        {nouns.map((name) => (
          <Tabs.Panel key={name} value={name} pt="md">
            <Report noun={name} question={question} onAsk={setQuestion} />
          </Tabs.Panel>
        ))}
        <Tabs.Panel value="tickets" pt="md">
          <TicketReport question={question} onAsk={setQuestion} />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}

function Report(props: { noun: Noun; question: Question; onAsk: (q: Question) => void }) {
  const { t, i18n } = useTranslation(['reports', 'common']);
  const { noun, question } = props;
  const [set, setSet] = useState<Columns>('basic');
  const [drawn, setDrawn] = useState<Metric>('handled');
  const asked = fits(question, question.interval);
  const report = useQuery({ ...reportQuery(noun, question), enabled: asked });
  const data = asked ? report.data : undefined;
  const shownMetrics: Metric[] = sets[set][noun];
  const columns = useColumns(noun, shownMetrics, question.interval, data);
  const named = (metric: Metric) => t(`${noun === 'queues' ? 'queueMetrics' : 'agentMetrics'}.${metric}.name`);
  const charted = everything[noun].filter(addsUp);
  const metric = charted.some((m) => m === drawn) ? drawn : 'handled';
  const show = useCallback((value: number) => shown(metric, value, i18n.language), [metric, i18n.language]);
  const bars = useMemo(() => {
    const rows = data?.items ?? [];
    if (question.interval === 'total') {
      return rows.map((row) => ({ label: nameOf(row), value: amount(row, metric) ?? 0 }));
    }
    return series(rows, metric).map(({ start, value }) => ({
      label: startText(start, question.interval, data?.zone, i18n.language),
      value,
    }));
  }, [data, question.interval, metric, i18n.language]);
  return (
    <>
      <Controls noun={noun} question={question} onChange={props.onAsk}>
        <Select
          label={t('chartOf')}
          w={200}
          searchable
          data={charted.map((value) => ({ value, label: named(value) }))}
          value={metric}
          onChange={(value) => value && setDrawn(value as Metric)}
        />
        <SegmentedControl
          aria-label={t('columnsText')}
          data={(Object.keys(sets) as Columns[]).map((value) => ({ value, label: t(value) }))}
          value={set}
          onChange={(value) => setSet(value as Columns)}
        />
      </Controls>
      {bars.length > 0 && (
        <div className={classes.chartFrame}>
          <Suspense fallback={<div className={classes.chart} />}>
            <Chart title={t('chart', { metric: named(metric) })} bars={bars} show={show} />
          </Suspense>
        </div>
      )}
      <DataTable
        label={t(noun)}
        rows={data?.items}
        columns={columns}
        rowKey={(row) => `${row.start} ${'queue_id' in row ? row.queue_id : row.agent_id}`}
        loading={asked && report.isPending}
        error={asked ? report.error : undefined}
        onRetry={report.refetch}
        empty={t('empty')}
        emptyText={t('emptyText')}
      />
    </>
  );
}

const nameOf = (row: Row): string => ('queue_id' in row ? row.queue : row.agent);

/** The begin of a row, as clocks in the report's zone show it. */
function startText(start: string, interval: Interval, zone: string | undefined, language: string): string {
  const date = new Date(start);
  return new Intl.DateTimeFormat(language, {
    ...(zone ? { timeZone: zone } : {}),
    month: 'short',
    day: 'numeric',
    ...(interval === '1d' ? { weekday: 'short' } : { hour: 'numeric', minute: '2-digit' }),
  }).format(date);
}

function useColumns(
  noun: Noun,
  metrics: Metric[],
  interval: Interval,
  data: { zone: string; totals: object } | undefined,
): Column<Row>[] {
  const { t, i18n } = useTranslation(['reports', 'common']);
  return useMemo(() => {
    const group = noun === 'queues' ? 'queueMetrics' : 'agentMetrics';
    const columns: Column<Row>[] = [];
    if (interval !== 'total') {
      columns.push({
        id: 'start',
        header: t('start'),
        sort: (row) => Date.parse(row.start),
        cell: (row) => (
          <time dateTime={row.start} title={dateTime(row.start, i18n.language)}>
            {startText(row.start, interval, data?.zone, i18n.language)}
          </time>
        ),
      });
    }
    columns.push({
      id: 'name',
      header: noun === 'queues' ? t('queue') : t('agent'),
      sort: nameOf,
      cell: (row) => nameOf(row) || ('queue_id' in row && /^[0-]+$/.test(row.queue_id) ? t('noQueue') : t('gone')),
    });
    for (const metric of metrics) {
      columns.push({
        id: metric,
        header: t(`${group}.${metric}.name`),
        hint: t(`${group}.${metric}.means`),
        align: 'right',
        sort: (row) => amount(row, metric) ?? -1,
        cell: (row) => <span className="tnum">{shown(metric, amount(row, metric), i18n.language)}</span>,
        ...(data && {
          total: <span className="tnum">{shown(metric, amount(data.totals, metric), i18n.language)}</span>,
        }),
      });
    }
    if (noun === 'agents') {
      columns.push({
        id: 'reasons',
        header: t('reasons'),
        cell: (row) => ('reasons' in row ? <Reasons of={row.reasons} /> : null),
      });
    }
    const first = columns[0];
    if (first && data) first.total = t('totals');
    return columns;
  }, [noun, metrics, interval, data, t, i18n.language]);
}
