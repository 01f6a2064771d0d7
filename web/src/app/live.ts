import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { Phone } from '../phone/phone';
import type { LogEvent } from '../phone/protocol';

// At most twice a second: a busy floor makes hundreds of events, a person reads two pictures.
const EVERY = 500;

const nounsOf: Record<string, string[]> = {
  call: ['calls'],
  item: ['calls', 'queues'],
  offer: ['calls', 'agents'],
  agent: ['agents'],
  recording: ['recordings', 'calls', 'tickets'],
  ticket: ['tickets'],
  contact: ['contacts'],
  user: ['users', 'agents'],
  queue: ['queues'],
  voicemail: ['voicemails'],
};

/** The lists that an event of the log makes out of date: the first part of their query keys. */
export function nounsOfEvent(event: LogEvent): string[] {
  return nounsOf[event.type.split('.')[0] ?? ''] ?? [];
}

/** Refetches what events made out of date, and everything after a lost connection. */
export function useLiveQueries(phone: Phone): void {
  const queries = useQueryClient();
  useEffect(() => {
    const stale = new Set<string>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let online = false;
    const refresh = () => {
      timer = undefined;
      for (const noun of stale) void queries.invalidateQueries({ queryKey: [noun] });
      stale.clear();
    };
    const touch = (nouns: string[]) => {
      for (const noun of nouns) stale.add(noun);
      if (stale.size > 0) timer ??= setTimeout(refresh, EVERY);
    };
    const offs = [
      phone.onLog((event) => touch(nounsOfEvent(event))),
      phone.onCallEnded(() => touch(['calls'])),
      phone.subscribe(() => {
        const now = phone.getState().link === 'online';
        // What happened meanwhile was told to nobody.
        if (now && !online) touch(['calls', 'agents', 'queues']);
        online = now;
      }),
    ];
    return () => {
      clearTimeout(timer);
      for (const off of offs) off();
    };
  }, [phone, queries]);
}
