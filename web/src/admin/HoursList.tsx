import { Button, Select, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { hoursQuery } from '../api/queries';
import type { Column } from '../ui/DataTable';
import { EditDrawer } from './EditDrawer';
import { HolidayEditor } from './HolidayEditor';
import { ListPage } from './ListPage';
import { WeekEditor } from './WeekEditor';

type Hours = Schema['Hours'];

const zones = Intl.supportedValuesOf('timeZone');

export function HoursList() {
  const { t, i18n } = useTranslation(['admin', 'common']);
  const columns = useMemo(
    (): Column<Hours>[] => [
      {
        id: 'name',
        header: t('common:name'),
        width: 260,
        sort: (h) => h.name,
        cell: (h) => <strong style={{ fontWeight: 550 }}>{h.name}</strong>,
      },
      { id: 'zone', header: t('hours.zone'), width: 200, sort: (h) => h.zone, cell: (h) => h.zone },
      {
        id: 'now',
        header: t('hours.now'),
        width: 110,
        cell: (h) => <span className="tnum">{timeIn(h.zone, i18n.language)}</span>,
      },
      {
        id: 'week',
        header: t('hours.openDays'),
        cell: (h) => <span className="tnum quiet">{summary(h, (d) => t(`hours.days.${d}`)) || t('hours.closed')}</span>,
      },
      {
        id: 'holidays',
        header: t('hours.holidays'),
        width: 110,
        align: 'right',
        cell: (h) => <span className="tnum">{h.holidays?.length ?? 0}</span>,
      },
    ],
    [t, i18n.language],
  );
  return (
    <ListPage
      title={t('parts.hours')}
      noun="hours"
      add={t('hours.add')}
      query={useQuery(hoursQuery)}
      columns={columns}
      rowKey={(h) => h.id}
      sortBy={{ id: 'name', desc: false }}
      empty={t('hours.empty')}
      emptyText={t('hours.emptyText')}
      form={(hours, onClose) => <HoursForm hours={hours} onClose={onClose} />}
    />
  );
}

function timeIn(zone: string, language: string): string {
  try {
    return new Intl.DateTimeFormat(language, { timeStyle: 'short', timeZone: zone }).format(new Date());
  } catch {
    return '–'; // a zone that this browser does not know
  }
}

// Days with the same periods in a row are told together: Monday–Friday 08:00–18:00.
function summary(hours: Hours, day: (d: number) => string): string {
  const order = [1, 2, 3, 4, 5, 6, 0];
  const text = (d: number) => (hours.week[d] ?? []).map((p) => `${p.from}–${p.to}`).join(' ');
  const runs: Array<{ first: number; last: number; text: string }> = [];
  for (const d of order) {
    const last = runs[runs.length - 1];
    if (last && last.text === text(d)) last.last = d;
    else runs.push({ first: d, last: d, text: text(d) });
  }
  return runs
    .filter((r) => r.text)
    .map((r) => `${r.first === r.last ? day(r.first) : `${day(r.first)}–${day(r.last)}`} ${r.text}`)
    .join(' · ');
}

function HoursForm({ hours, onClose }: { hours: Hours | null; onClose: () => void }) {
  const { t } = useTranslation(['admin', 'common']);
  const [name, setName] = useState(hours?.name ?? '');
  const [zone, setZone] = useState(hours?.zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone);
  const [week, setWeek] = useState<Schema['Period'][][]>(hours?.week ?? Array.from({ length: 7 }, () => []));
  const [holidays, setHolidays] = useState<Schema['Holiday'][]>(hours?.holidays ?? []);
  const workdays = () => setWeek(week.map((periods, d) => (d >= 2 && d <= 5 ? (week[1] ?? []) : periods)));
  return (
    <EditDrawer
      thing={hours}
      add={t('hours.add')}
      edit={t('hours.edit')}
      noun="hours"
      nouns={['hours', 'queues']}
      save={() => {
        const input = { name, zone, week, holidays };
        return hours
          ? body(api.PUT('/api/v1/hours/{id}', { params: { path: { id: hours.id } }, body: input }))
          : body(api.POST('/api/v1/hours', { body: input }));
      }}
      remove={(id) => api.DELETE('/api/v1/hours/{id}', { params: { path: { id } } })}
      onClose={onClose}
    >
      <TextInput
        label={t('common:name')}
        required
        data-autofocus
        value={name}
        onChange={(e) => setName(e.currentTarget.value)}
      />
      <Select
        label={t('hours.zone')}
        searchable
        limit={80}
        data={zones.includes(zone) ? zones : [zone, ...zones]}
        value={zone}
        onChange={(value) => value && setZone(value)}
      />
      <WeekEditor week={week} onChange={setWeek} />
      <Button variant="default" size="compact-sm" style={{ alignSelf: 'start' }} onClick={workdays}>
        {t('hours.copyToWorkdays')}
      </Button>
      <HolidayEditor holidays={holidays} onChange={setHolidays} />
    </EditDrawer>
  );
}
