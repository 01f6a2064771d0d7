import { useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import { clock, dateTime, secondsSince, shortTime } from './format';

// One ticker for every clock on the screen: a thousand rows must not mean a thousand timers.
const listeners = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (listeners.size === 1) {
    now = Date.now();
    timer = setInterval(() => {
      now = Date.now();
      for (const tell of listeners) tell();
    }, 1000);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) clearInterval(timer);
  };
}

const never = () => () => undefined;

/** Milliseconds now, once a second; not on: 0, and nothing is drawn again for it. */
export function useNow(on = true): number {
  return useSyncExternalStore(on ? subscribe : never, () => (on ? now : 0));
}

/** A running clock since a time. */
export function Elapsed({ since, offset = 0 }: { since: string | undefined | null; offset?: number }) {
  return <span className="tnum">{clock(secondsSince(since, useNow()) + offset)}</span>;
}

/** A clock that runs down to a time. */
export function Remaining({ until }: { until: string | undefined | null }) {
  const time = useNow();
  const left = until ? Math.ceil((Date.parse(until) - time) / 1000) : 0;
  return <span className="tnum">{clock(left)}</span>;
}

export function DateTime({ time, short }: { time: string | undefined | null; short?: boolean }) {
  const { i18n } = useTranslation();
  const full = dateTime(time, i18n.language);
  return (
    <time dateTime={time ?? undefined} title={full} className="tnum">
      {short ? shortTime(time, i18n.language, Date.now()) : full}
    </time>
  );
}
