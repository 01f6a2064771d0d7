import { useSyncExternalStore } from 'react';

// The calls that this page keeps in sight, above the list; a reload keeps them.
const KEY = 'tandem.watched';
const MOST = 6;

let ids: string[] = read();
const listeners = new Set<() => void>();

function read(): string[] {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? '[]');
    return Array.isArray(kept) ? kept.filter((id) => typeof id === 'string') : [];
  } catch {
    return [];
  }
}

function change(next: string[]): void {
  ids = next.slice(-MOST);
  sessionStorage.setItem(KEY, JSON.stringify(ids));
  for (const tell of listeners) tell();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useWatched(): { ids: string[]; has: (id: string) => boolean; toggle: (id: string) => void } {
  const now = useSyncExternalStore(subscribe, () => ids);
  return {
    ids: now,
    has: (id) => now.includes(id),
    toggle: (id) => change(now.includes(id) ? now.filter((other) => other !== id) : [...now, id]),
  };
}
