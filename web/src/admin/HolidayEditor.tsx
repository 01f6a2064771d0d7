import { ActionIcon, Button, FileButton, Group, TextInput } from '@mantine/core';
import { IconPlus, IconUpload, IconX } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { useSave } from '../api/useSave';
import { ErrorNotice } from '../ui/ErrorNotice';
import classes from './admin.module.css';
import { Periods } from './WeekEditor';

type Holiday = Schema['Holiday'];

/** Days that are closed, or open at other times, whatever the weekday says. */
export function HolidayEditor({
  holidays,
  onChange,
}: {
  holidays: Holiday[];
  onChange: (holidays: Holiday[]) => void;
}) {
  const { t } = useTranslation('admin');
  const change = (index: number, part: Partial<Holiday>) =>
    onChange(holidays.map((h, i) => (i === index ? { ...h, ...part } : h)));
  return (
    <fieldset style={{ border: 0, padding: 0, margin: 0 }}>
      <legend style={{ fontWeight: 500, fontSize: 'var(--mantine-font-size-sm)', padding: '0 0 6px' }}>
        {t('hours.holidays')}
      </legend>
      {holidays.map((holiday, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a holiday's date changes while it is typed
        <div key={index} style={{ marginBottom: 8 }}>
          <Group gap={6} wrap="nowrap">
            <TextInput
              aria-label={t('hours.date')}
              type="date"
              size="xs"
              w={140}
              required
              value={holiday.date}
              onChange={(event) => change(index, { date: event.currentTarget.value })}
            />
            <TextInput
              aria-label={t('hours.holidayName')}
              placeholder={t('hours.holidayName')}
              size="xs"
              flex={1}
              value={holiday.name}
              onChange={(event) => change(index, { name: event.currentTarget.value })}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={`${t('hours.removeHoliday')}: ${holiday.name || holiday.date}`}
              onClick={() => onChange(holidays.filter((_, i) => i !== index))}
            >
              <IconX size={15} />
            </ActionIcon>
          </Group>
          <div className={classes.holidayTimes}>
            <Periods
              name={t('hours.holidayPeriods', { date: holiday.name || holiday.date })}
              closed={t('hours.closedAllDay')}
              periods={holiday.periods ?? []}
              onChange={(periods) => change(index, { periods })}
            />
          </div>
        </div>
      ))}
      <Group gap={8}>
        <Button
          variant="default"
          size="compact-sm"
          leftSection={<IconPlus size={15} />}
          onClick={() => onChange([...holidays, { date: '', name: '' }])}
        >
          {t('hours.addHoliday')}
        </Button>
        <ImportHolidays
          onRead={(read) => {
            const dates = new Set(read.map((h) => h.date));
            const kept = holidays.filter((h) => !dates.has(h.date));
            onChange([...kept, ...read].sort((a, b) => a.date.localeCompare(b.date)));
          }}
        />
      </Group>
    </fieldset>
  );
}

/** Reads the holidays of an iCalendar file into the form. */
function ImportHolidays({ onRead }: { onRead: (holidays: Holiday[]) => void }) {
  const { t } = useTranslation('admin');
  const [result, setResult] = useState<Schema['HolidayImport'] | null>(null);
  const read = useSave<File, Schema['HolidayImport']>({
    save: async (file) => body(api.POST('/api/v1/hours/holidays', { body: { calendar: await file.text() } })),
    nouns: [],
    done: (found) => {
      setResult(found);
      onRead(found.holidays);
    },
  });
  return (
    <>
      <FileButton accept=".ics,text/calendar" onChange={(file) => file && read.mutate(file)}>
        {(props) => (
          <Button
            {...props}
            variant="default"
            size="compact-sm"
            leftSection={<IconUpload size={15} />}
            loading={read.isPending}
          >
            {t('hours.import')}
          </Button>
        )}
      </FileButton>
      {read.error && <ErrorNotice error={read.error} />}
      <span role="status" className="quiet" style={{ fontSize: 'var(--mantine-font-size-xs)' }}>
        {result && t('hours.imported', { count: result.holidays.length })}
        {result &&
          result.skipped.length > 0 &&
          ` ${t('hours.skipped', { names: result.skipped.map((s) => s.name).join(', ') })}`}
      </span>
    </>
  );
}
