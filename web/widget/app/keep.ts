import type { Pending } from './thread';

/** What this browser keeps of a widget, in the storage of our own origin: the site around us cannot read it. */
export interface Kept {
  visitor?: string;
  secret?: string;
  /** The site's id of the customer, where one has logged in: what is here is theirs. */
  customer?: string;
  outbox: Pending[];
  draft: string;
  /** The last message that was seen, by conversation. */
  seen: Record<string, number>;
  sound: boolean;
  language?: string;
  answered?: boolean;
}

const nothing: Kept = { outbox: [], draft: '', seen: {}, sound: false };

/** Keeps nothing until it may. */
export class Keeper {
  value: Kept = { ...nothing };
  private readonly key: string;

  constructor(
    account: string,
    public may: boolean,
  ) {
    this.key = `tandem.widget.${account}`;
    try {
      const found = localStorage.getItem(this.key);
      if (found) {
        this.value = { ...nothing, ...(JSON.parse(found) as Kept) };
        this.may = true;
      }
    } catch {}
  }

  set(change: Partial<Kept>): void {
    this.value = { ...this.value, ...change };
    if (!this.may) return;
    try {
      localStorage.setItem(this.key, JSON.stringify(this.value));
    } catch {}
  }

  allow(): void {
    this.may = true;
    this.set({});
  }

  /** Forgets the person; what is the browser's (sound, language) stays. */
  forget(): void {
    const { sound, language } = this.value;
    this.value = { ...nothing, sound, language };
    this.set({});
  }
}
