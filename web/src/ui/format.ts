/** Seconds as a clock: 0:05, 12:34, 1:02:03. */
export function clock(seconds: number): string {
  const total = Math.max(0, Math.floor(seconds));
  const h = Math.floor(total / 3600);
  const m = Math.floor((total % 3600) / 60);
  const s = String(total % 60).padStart(2, '0');
  return h > 0 ? `${h}:${String(m).padStart(2, '0')}:${s}` : `${m}:${s}`;
}

/** Whole seconds between an RFC 3339 time and now; 0 for a time that is missing (Go's zero time too), broken or ahead (clocks differ). */
export function secondsSince(time: string | undefined | null, now: number): number {
  const then = time ? Date.parse(time) : Number.NaN;
  return Number.isNaN(then) || then < 0 ? 0 : Math.max(0, Math.floor((now - then) / 1000));
}

// Making one takes far longer than using it, and lists do so with every row that is scrolled into sight.
const formats = new Map<string, Intl.DateTimeFormat>();

function format(date: Date, language: string, options: Intl.DateTimeFormatOptions): string {
  const key = `${language} ${JSON.stringify(options)}`;
  const known = formats.get(key);
  if (known) return known.format(date);
  const made = new Intl.DateTimeFormat(language, options);
  formats.set(key, made);
  return made.format(date);
}

const full: Intl.DateTimeFormatOptions = { dateStyle: 'medium', timeStyle: 'short' };
const ofToday: Intl.DateTimeFormatOptions = { timeStyle: 'short' };
const ofAnotherDay: Intl.DateTimeFormatOptions = {
  month: 'short',
  day: 'numeric',
  hour: 'numeric',
  minute: '2-digit',
};

export function dateTime(time: string | undefined | null, language: string): string {
  const date = time ? new Date(time) : null;
  if (!date || Number.isNaN(date.getTime()) || date.getUTCFullYear() < 1970) return '–';
  return format(date, language, full);
}

/** Time alone for today, the date with it for other days. */
export function shortTime(time: string | undefined | null, language: string, now: number): string {
  const date = time ? new Date(time) : null;
  if (!date || Number.isNaN(date.getTime())) return '–';
  const today = new Date(now).toDateString() === date.toDateString();
  return format(date, language, today ? ofToday : ofAnotherDay);
}

export function bytes(count: number, language: string): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;
  let unit = 0;
  let value = count;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return new Intl.NumberFormat(language, {
    style: 'unit',
    unit: units[unit],
    unitDisplay: unit === 0 ? 'long' : 'short',
    maximumFractionDigits: value < 10 && unit > 0 ? 1 : 0,
  }).format(value);
}

/** "Ada Lovelace" → "AL"; "王小明" → "王小". */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  if (words.length === 0) return '?';
  const first = words[0] as string;
  if (words.length === 1) return [...first].slice(0, 2).join('').toUpperCase();
  const last = words[words.length - 1] as string;
  return `${[...first][0]}${[...last][0]}`.toUpperCase();
}
