import { useCallback, useSyncExternalStore } from 'react';
import type { Schema } from '../api/client';
import type { Phone } from '../phone/phone';
import type { LiveFrame } from '../phone/protocol';
import { usePhone } from '../phone/react';

interface Rows {
  calls: Schema['LiveCall'];
  items: Schema['QueuedItem'];
  agents: Schema['AgentStatus'];
}

export type LiveName = keyof Rows;

/** A live list: undefined rows until the first picture is whole; rows that did not change stay the same objects. */
export interface LiveList<T> {
  rows: T[] | undefined;
  denied: boolean;
}

const keyOf: { [N in LiveName]: (row: Rows[N]) => string } = {
  calls: (row) => row.call_id,
  items: (row) => row.id,
  agents: (row) => row.id,
};

const unknown: LiveList<never> = { rows: undefined, denied: false };

/** One live list as the server tells it: a whole picture, then differences. */
export class LiveRows<T> {
  state: LiveList<T> = unknown;
  private rows = new Map<string, T>();
  private whole = false;

  constructor(private readonly key: (row: T) => string) {}

  /** Takes a frame; true when there is something new to show. */
  take(frame: LiveFrame): boolean {
    if (frame.denied) {
      this.state = { rows: undefined, denied: true };
      return true;
    }
    // A difference of before the picture that was asked for is of no use.
    if (!frame.reset && !this.whole && this.rows.size === 0) return false;
    if (frame.reset) this.rows = new Map();
    for (const row of (frame.rows ?? []) as T[]) this.rows.set(this.key(row), row);
    for (const id of frame.removed ?? []) this.rows.delete(id);
    this.whole = !frame.more;
    if (!this.whole) return false;
    this.state = { rows: [...this.rows.values()], denied: false };
    return true;
  }

  /** Begins anew, with what is known shown meanwhile. */
  restart(): void {
    this.rows = new Map();
    this.whole = false;
  }
}

// The lists of a phone, watched while somebody shows them.
class Watched {
  private readonly lists = new Map<LiveName, { rows: LiveRows<unknown>; listeners: Set<() => void> }>();
  private online = false;

  constructor(private readonly phone: Phone) {
    phone.onLive((frame) => {
      const list = this.lists.get(frame.list);
      if (list?.rows.take(frame)) for (const tell of list.listeners) tell();
    });
    phone.subscribe(() => {
      const now = phone.getState().link === 'online';
      if (now === this.online) return;
      this.online = now;
      if (now) for (const name of this.lists.keys()) this.begin(name);
    });
    this.online = phone.getState().link === 'online';
  }

  state(name: LiveName): LiveList<unknown> {
    return this.lists.get(name)?.rows.state ?? unknown;
  }

  listen(name: LiveName, listener: () => void): () => void {
    let list = this.lists.get(name);
    if (!list) {
      list = { rows: new LiveRows(keyOf[name] as (row: unknown) => string), listeners: new Set() };
      this.lists.set(name, list);
      this.begin(name);
    }
    list.listeners.add(listener);
    const mine = list;
    return () => {
      mine.listeners.delete(listener);
      if (mine.listeners.size > 0) return;
      this.lists.delete(name);
      this.phone.watch(name, false);
    };
  }

  private begin(name: LiveName): void {
    this.lists.get(name)?.rows.restart();
    this.phone.watch(name, true);
  }
}

const watched = new WeakMap<Phone, Watched>();

function watchedBy(phone: Phone): Watched {
  let of = watched.get(phone);
  if (!of) {
    of = new Watched(phone);
    watched.set(phone, of);
  }
  return of;
}

/** The rows of a live list, at most two pictures a second. */
export function useLive<N extends LiveName>(name: N): LiveList<Rows[N]> {
  const phone = usePhone();
  const of = watchedBy(phone);
  const listen = useCallback((listener: () => void) => of.listen(name, listener), [of, name]);
  return useSyncExternalStore(listen, () => of.state(name)) as LiveList<Rows[N]>;
}
