import { ActionIcon, TextInput } from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../api/client';
import classes from './admin.module.css';

type Period = Schema['Period'];

// Shown from Monday, stored from Sunday.
const order = [1, 2, 3, 4, 5, 6, 0];

/** The periods of each weekday. A period whose end is not after its begin runs into the next day. */
export function WeekEditor({ week, onChange }: { week: Period[][]; onChange: (week: Period[][]) => void }) {
  const { t } = useTranslation('admin');
  return (
    <fieldset style={{ border: 0, padding: 0, margin: 0 }}>
      <legend style={{ fontWeight: 500, fontSize: 'var(--mantine-font-size-sm)', padding: 0 }}>
        {t('hours.week')}
      </legend>
      {order.map((day) => (
        <Day
          key={day}
          name={t(`hours.days.${day}`)}
          periods={week[day] ?? []}
          onChange={(periods) => onChange(week.map((before, d) => (d === day ? periods : before)))}
        />
      ))}
    </fieldset>
  );
}

function Day({ name, periods, onChange }: { name: string; periods: Period[]; onChange: (periods: Period[]) => void }) {
  const { t } = useTranslation('admin');
  return (
    <div className={classes.day}>
      <span style={{ paddingTop: 6 }}>{name}</span>
      <Periods name={name} closed={t('hours.closed')} periods={periods} onChange={onChange} />
    </div>
  );
}

/** When it is open on a day, and a button for one more period. */
export function Periods(props: {
  name: string;
  closed: string;
  periods: Period[];
  onChange: (periods: Period[]) => void;
}) {
  const { t } = useTranslation('admin');
  const { name, periods, onChange } = props;
  const change = (index: number, part: Partial<Period>) =>
    onChange(periods.map((p, i) => (i === index ? { ...p, ...part } : p)));
  const last = periods[periods.length - 1];
  return (
    <>
      <div className={classes.periods}>
        {periods.length === 0 && (
          <span className="quiet" style={{ paddingTop: 6 }}>
            {props.closed}
          </span>
        )}
        {periods.map((period, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: periods have no identity but their place
          <div key={index} className={classes.period}>
            <Time
              label={`${name}: ${t('hours.from')}`}
              value={period.from}
              onChange={(from) => change(index, { from })}
            />
            <span aria-hidden>–</span>
            <Time label={`${name}: ${t('hours.to')}`} value={period.to} onChange={(to) => change(index, { to })} />
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={`${name}: ${t('hours.removePeriod')}`}
              onClick={() => onChange(periods.filter((_, i) => i !== index))}
            >
              <IconX size={15} />
            </ActionIcon>
            {period.to <= period.from && <span className="quiet">{t('hours.overMidnight')}</span>}
          </div>
        ))}
      </div>
      <ActionIcon
        variant="subtle"
        aria-label={`${name}: ${t('hours.addPeriod')}`}
        onClick={() => onChange([...periods, last ? { from: last.to, to: '18:00' } : { from: '09:00', to: '17:00' }])}
      >
        <IconPlus size={16} />
      </ActionIcon>
    </>
  );
}

// A text and not type="time": 24:00 is a time of day here.
function Time({ label, value, onChange }: { label: string; value: string; onChange: (value: string) => void }) {
  return (
    <TextInput
      aria-label={label}
      size="xs"
      w={68}
      maxLength={5}
      inputMode="numeric"
      pattern="([01]\d|2[0-3]):[0-5]\d|24:00"
      placeholder="09:00"
      required
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      onBlur={(event) => onChange(tidy(event.currentTarget.value))}
    />
  );
}

/** "9" → "09:00", "930" → "09:30"; what is none stays for the browser to point at. */
export function tidy(text: string): string {
  const match = text.trim().match(/^(\d{1,2})(?::?([0-5]\d))?$/);
  if (!match) return text;
  const [, hours = '', minutes = '00'] = match;
  return Number(hours) <= 24 ? `${hours.padStart(2, '0')}:${minutes}` : text;
}
