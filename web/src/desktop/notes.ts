import { useSyncExternalStore } from 'react';

// Notes of a call in progress: kept in the tab, so that a reload or a look at another screen loses none of them.
const PREFIX = 'tandem.notes.';
const listeners = new Set<() => void>();

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};

const tell = () => {
  for (const listener of listeners) listener();
};

export function useNotes(call: string): [string, (notes: string) => void] {
  const notes = useSyncExternalStore(subscribe, () => sessionStorage.getItem(PREFIX + call) ?? '');
  return [
    notes,
    (text) => {
      sessionStorage.setItem(PREFIX + call, text);
      tell();
    },
  ];
}

export function forgetNotes(call: string): void {
  sessionStorage.removeItem(PREFIX + call);
  tell();
}
