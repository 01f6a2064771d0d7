export const presets = ['today', 'yesterday', 'week', 'month', 'quarter', 'custom'] as const;
export type Preset = (typeof presets)[number];

export const intervals = ['total', '1d', '1h', '30m', '15m'] as const;
export type Interval = (typeof intervals)[number];

/** A period of whole days, both included, as dates (2026-03-29). */
export interface Days {
  from: string;
  to: string;
}

/** The date some days later; days are those of the calendar, so that clocks going forward or back change nothing. */
export function plusDays(date: string, days: number): string {
  const day = new Date(`${date}T00:00:00Z`);
  day.setUTCDate(day.getUTCDate() + days);
  return day.toISOString().slice(0, 10);
}

/** The date at an instant in a time zone; without one, in the browser's. */
export function dateIn(now: number, zone?: string): string {
  const parts = new Intl.DateTimeFormat('en', {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    ...(zone ? { timeZone: zone } : {}),
  }).formatToParts(now);
  const of = (type: string) => parts.find((p) => p.type === type)?.value ?? '';
  return `${of('year')}-${of('month')}-${of('day')}`;
}

/** The days of a preset, seen from today. */
export function daysOf(preset: Exclude<Preset, 'custom'>, today: string): Days {
  switch (preset) {
    case 'today':
      return { from: today, to: today };
    case 'yesterday':
      return { from: plusDays(today, -1), to: plusDays(today, -1) };
    case 'week':
      return { from: plusDays(today, -6), to: today };
    case 'month':
      return { from: plusDays(today, -29), to: today };
    case 'quarter':
      return { from: plusDays(today, -89), to: today };
  }
}

const longest: Record<Interval, number> = { total: 732, '1d': 732, '1h': 124, '30m': 62, '15m': 31 };

/** Whether the server makes so many rows: at most 3,000 intervals. */
export function fits(days: Days, interval: Interval): boolean {
  const n = (Date.parse(days.to) - Date.parse(days.from)) / 86_400_000 + 1;
  return n >= 1 && n <= longest[interval];
}

export const isDate = (text: string): boolean =>
  /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)) && plusDays(text, 0) === text;
