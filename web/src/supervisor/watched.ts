import { useSyncExternalStore } from 'react';

// What this page keeps in sight, above its lists; a reload keeps it.
class Watched {
  private ids: string[];
  private readonly listeners = new Set<() => void>();

  constructor(
    private readonly key: string,
    private readonly most: number,
  ) {
    this.ids = read(key);
  }

  all = (): string[] => this.ids;

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  toggle = (id: string): void => {
    const next = this.ids.includes(id) ? this.ids.filter((other) => other !== id) : [...this.ids, id];
    this.ids = next.slice(-this.most);
    sessionStorage.setItem(this.key, JSON.stringify(this.ids));
    for (const tell of this.listeners) tell();
  };
}

function read(key: string): string[] {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(key) ?? '[]');
    return Array.isArray(kept) ? kept.filter((id) => typeof id === 'string') : [];
  } catch {
    return [];
  }
}

const calls = new Watched('tandem.watched', 6);
const chats = new Watched('tandem.watched-chats', 6);

interface InSight {
  ids: string[];
  has: (id: string) => boolean;
  toggle: (id: string) => void;
}

function useAll(watched: Watched): InSight {
  const ids = useSyncExternalStore(watched.subscribe, watched.all);
  return { ids, has: (id) => ids.includes(id), toggle: watched.toggle };
}

/** Calls kept in sight. */
export const useWatched = (): InSight => useAll(calls);

/** Chats that one looks on at. */
export const useWatchedChats = (): InSight => useAll(chats);
