import type { CallView, Offer, Presence } from '../phone/protocol';

// What the panel and the page that has it in a frame say to each other; docs/panel.md tells hosts the same.

export const VERSION = 1;

export type Command =
  | { type: 'hello' }
  | { type: 'dial'; number: string; queue_id?: string }
  | { type: 'answer' }
  | { type: 'hangup' }
  | { type: 'presence.set'; presence: Presence; reason?: string }
  | { type: 'open'; record: 'contact' | 'ticket'; id: string };

export type Message =
  | { type: 'ready'; signed_in: boolean }
  | { type: 'presence'; presence: Presence; reason?: string; state?: string }
  | ({ type: 'call.offered' | 'call.started' | 'call.ended'; call_id: string } & CallFacts)
  | { type: 'error'; code: string; message: string };

export interface CallFacts {
  number?: string;
  name?: string;
  queue?: string[];
  contact_id?: string;
  ticket_ids?: string[];
  recording_id?: string;
}

const presences: Presence[] = ['AVAILABLE', 'AWAY', 'BUSY', 'OFFLINE'];
const number = /^\+?[0-9A-Za-z_.*#-]{1,40}$/;
const id = /^[0-9A-Za-z-]{1,200}$/;
const text = (value: unknown): value is string => typeof value === 'string';

/** The command in a message, or null: of another window, another origin, another version, or none of ours. */
export function commandOf(
  event: { origin: string; source: unknown; data: unknown },
  host: { window: unknown; origins: string[] },
): Command | null {
  if (event.source !== host.window || !host.origins.includes(event.origin)) return null;
  if (typeof event.data !== 'object' || event.data === null) return null;
  const data = event.data as Record<string, unknown>;
  if (data.tandem !== VERSION) return null;
  switch (data.type) {
    case 'hello':
    case 'answer':
    case 'hangup':
      return { type: data.type };
    case 'dial':
      if (!text(data.number) || !number.test(data.number)) return null;
      if (data.queue_id === undefined) return { type: 'dial', number: data.number };
      return text(data.queue_id) && id.test(data.queue_id)
        ? { type: 'dial', number: data.number, queue_id: data.queue_id }
        : null;
    case 'presence.set': {
      const presence = presences.find((one) => one === data.presence);
      if (!presence) return null;
      return { type: 'presence.set', presence, ...(text(data.reason) ? { reason: data.reason.slice(0, 100) } : {}) };
    }
    case 'open':
      if ((data.record !== 'contact' && data.record !== 'ticket') || !text(data.id) || !id.test(data.id)) return null;
      return { type: 'open', record: data.record, id: data.id };
    default:
      return null;
  }
}

/** Says something to the host. The browser hands it over only to a page of a listed origin. */
export function tell(host: { window: Window; origins: string[] }, message: Message): void {
  for (const origin of host.origins) host.window.postMessage({ tandem: VERSION, ...message }, origin);
}

/** What a host is told of a call's card; who calls only where the tenant allows it. */
export function factsOf(card: Offer['card'] | CallView['card'], numbers: boolean): CallFacts {
  if (!card) return {};
  return {
    ...(card.queue_path ? { queue: card.queue_path } : {}),
    ...(numbers && card.caller ? { number: card.caller } : {}),
    ...(numbers && card.name ? { name: card.name } : {}),
  };
}
