import type { Schema } from '../api/client';
import { Problem } from '../api/problem';
import type { Attachment } from './types';

/** A message on its way to the server, kept until the server has it. */
export interface Sending {
  client_id: string;
  conversation: string;
  kind: 'message' | 'note';
  text: string;
  at: string;
  attachments: Attachment[];
  quote?: { id: string; text: string };
  template?: Schema['TemplateSend'];
  mentions?: string[];
  /** waiting: for its turn or the network; refused: the server will not have it as it is. */
  state: 'waiting' | 'refused';
  code?: string;
  message?: string;
}

interface Ways {
  /** Sends one message; rejects with a Problem where the server said no, with anything else where it could not be asked. */
  send: (message: Sending) => Promise<void>;
  /** What is kept over a reload. */
  storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
  key: string;
  wait: (ms: number, then: () => void) => () => void;
}

const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 20_000;

/**
 * Messages on their way: one at a time in each conversation, so that they keep their order, and again with the same client_id until the
 * server has answered, so that none is lost or doubled.
 */
export class Outbox {
  private list: Sending[];
  private readonly busy = new Set<string>();
  private readonly listeners = new Set<() => void>();
  private pause = FIRST_WAIT;
  private stopWaiting: (() => void) | undefined;

  constructor(private readonly ways: Ways) {
    this.list = read(ways);
    this.go();
  }

  all = (): Sending[] => this.list;

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  add(message: Sending): void {
    this.change([...this.list, message]);
    this.go();
  }

  /** Tries a refused one again, as it is. */
  retry(client: string): void {
    this.change(this.list.map((m) => (m.client_id === client ? waiting(m) : m)));
    this.go();
  }

  /** Gives up a refused one. */
  discard(client: string): void {
    this.change(this.list.filter((m) => m.client_id !== client));
  }

  /** The network is back: no need to wait longer. */
  hurry(): void {
    this.pause = FIRST_WAIT;
    this.stopWaiting?.();
    this.stopWaiting = undefined;
    this.go();
  }

  private go(): void {
    if (this.stopWaiting) return;
    for (const message of this.list) {
      if (message.state !== 'waiting' || this.busy.has(message.conversation)) continue;
      this.busy.add(message.conversation);
      void this.send(message);
    }
  }

  private async send(message: Sending): Promise<void> {
    try {
      await this.ways.send(message);
      this.pause = FIRST_WAIT;
      this.change(this.list.filter((m) => m.client_id !== message.client_id));
    } catch (error) {
      if (error instanceof Problem && error.status < 500 && error.status !== 429 && error.status !== 408) {
        const refused: Sending = { ...message, state: 'refused', code: error.code, message: error.message };
        this.change(this.list.map((m) => (m.client_id === message.client_id ? refused : m)));
      } else {
        this.later();
      }
    }
    this.busy.delete(message.conversation);
    this.go();
  }

  private later(): void {
    this.stopWaiting ??= this.ways.wait(this.pause, () => {
      this.stopWaiting = undefined;
      this.go();
    });
    this.pause = Math.min(this.pause * 2, LONGEST_WAIT);
  }

  private change(list: Sending[]): void {
    this.list = list;
    if (list.length > 0) this.ways.storage.setItem(this.ways.key, JSON.stringify(list));
    else this.ways.storage.removeItem(this.ways.key);
    for (const tell of this.listeners) tell();
  }
}

function waiting({ code: _, message: __, ...rest }: Sending): Sending {
  return { ...rest, state: 'waiting' };
}

function read(ways: Ways): Sending[] {
  try {
    const kept: unknown = JSON.parse(ways.storage.getItem(ways.key) ?? '[]');
    return Array.isArray(kept) ? (kept as Sending[]) : [];
  } catch {
    return [];
  }
}
