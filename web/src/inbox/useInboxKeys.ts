import { useEffect, useRef } from 'react';
import type { Conversation } from './types';

/** Runs what belongs to a key that is pressed with Alt, on every part of the screen. By the key's place: Alt changes the letter on a Mac. */
function useAltKeys(acts: Record<string, (() => void) | undefined>): void {
  const latest = useRef(acts);
  latest.current = acts;
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (!event.altKey || event.ctrlKey || event.metaKey || event.repeat) return;
      // A dialog has the keyboard to itself.
      if (document.querySelector('[role=dialog][aria-modal=true]')) return;
      const act = latest.current[event.code.replace(/^Key/, '').toLowerCase()];
      if (!act) return;
      event.preventDefault();
      act();
    };
    window.addEventListener('keydown', pressed);
    return () => window.removeEventListener('keydown', pressed);
  }, []);
}

const focus = (selector: string) => document.querySelector<HTMLElement>(selector)?.focus();

/** The list's keys: the next and the previous conversation, the search, the text, the note. */
export function useInboxKeys(
  rows: Conversation[] | undefined,
  open: string | undefined,
  select: (id: string | undefined) => void,
): void {
  const step = (by: number) => {
    if (!rows?.length) return;
    const index = rows.findIndex((row) => row.id === open);
    const next = rows[index < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, index + by))];
    if (next) select(next.id);
  };
  useAltKeys({
    j: () => step(1),
    k: () => step(-1),
    q: () => focus('[data-part=search] input'),
    w: () => focus('[data-field=message]'),
    n: () => document.querySelector<HTMLElement>('[data-part=mode] input:not(:checked):not(:disabled)')?.click(),
    c: () => document.querySelector<HTMLElement>('[data-action=details]')?.click(),
  });
}

/** The keys of the conversation that is open. */
export function useConversationKeys(acts: {
  transfer: (() => void) | undefined;
  close: (() => void) | undefined;
  snooze: (() => void) | undefined;
  take: (() => void) | undefined;
}): void {
  useAltKeys({ t: acts.transfer, e: acts.close, z: acts.snooze, g: acts.take });
}
