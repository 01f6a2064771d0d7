import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { Phone } from '../phone/phone';
import type { LogEvent } from '../phone/protocol';

// At most twice a second where we know what has changed. Where we do not, it is a busy floor of others: what must be quick there is a live
// list (liveLists.ts), and the rest is refetched now and then.
const EVERY = 500;
const BUSY = 5_000;

const nounsOf: Record<string, string[]> = {
  call: ['calls'],
  item: ['calls', 'queues'],
  offer: ['calls', 'agents'],
  agent: ['agents'],
  recording: ['recordings', 'calls', 'tickets', 'voicemails'],
  ticket: ['tickets'],
  contact: ['contacts'],
  user: ['users', 'agents'],
  queue: ['queues'],
  voicemail: ['voicemails'],
  callback: ['callbacks', 'queues'],
  action: ['actions'],
  conversation: ['conversations'],
  channel: ['channels'],
  webhook: ['webhooks'],
};

/** The lists that an event of the log makes out of date: the first part of their query keys. */
export function nounsOfEvent(event: LogEvent): string[] {
  return nounsOf[event.type.split('.')[0] ?? ''] ?? [];
}

/** Events that come by the dozen where many people work, and say nothing of one's own. */
export function isBusy(event: LogEvent): boolean {
  return !event.subject && /^(call|item|offer|agent|conversation)\./.test(event.type);
}

/** Refetches what events made out of date, and everything after a lost connection. */
export function useLiveQueries(phone: Phone): void {
  const queries = useQueryClient();
  useEffect(() => {
    const waits = [EVERY, BUSY].map((every) => {
      const stale = new Set<string>();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const refresh = () => {
        timer = undefined;
        for (const noun of stale) void queries.invalidateQueries({ queryKey: [noun] });
        stale.clear();
      };
      const touch = (nouns: string[]) => {
        for (const noun of nouns) stale.add(noun);
        if (stale.size > 0) timer ??= setTimeout(refresh, every);
      };
      return { touch, stop: () => clearTimeout(timer) };
    });
    const touch = (nouns: string[], busy = false) => waits[busy ? 1 : 0]?.touch(nouns);
    let online = false;
    const offs = [
      phone.onLog((event) => touch(nounsOfEvent(event), isBusy(event))),
      phone.onCallEnded(() => touch(['calls'])),
      phone.subscribe(() => {
        const now = phone.getState().link === 'online';
        // What happened meanwhile was told to nobody.
        if (now && !online) touch(['calls', 'agents', 'queues', 'voicemails', 'callbacks', 'conversations']);
        online = now;
      }),
    ];
    return () => {
      for (const wait of waits) wait.stop();
      for (const off of offs) off();
    };
  }, [phone, queries]);
}
