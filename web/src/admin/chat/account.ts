import type { Schema } from '../../api/client';
import { Problem } from '../../api/problem';
import type { Tone } from '../../ui/State';

export type Account = Schema['ChannelAccount'];
export type Field = Schema['ChannelField'];

/** What a person has typed into the form of an account. */
export interface Values {
  name: string;
  label: string;
  queue_id: string | null;
  fields: Record<string, string>;
}

/** No queue: how the API takes a queue away. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

export function valuesOf(account: Account | null): Values {
  return {
    name: account?.name ?? '',
    label: account?.label ?? '',
    queue_id: account?.queue_id ?? null,
    fields: { ...account?.settings },
  };
}

/** What goes to the server: what was changed. A secret that nobody typed stays as it is. */
export function changeOf(values: Values, account: Account | null, fields: Field[]): Schema['ChannelAccountChange'] {
  const settings: Record<string, string> = {};
  const secrets: Record<string, string> = {};
  for (const { name, secret } of fields) {
    const value = values.fields[name]?.trim() ?? '';
    if (secret) {
      if (value) secrets[name] = value;
    } else if (value !== (account?.settings[name] ?? '')) {
      settings[name] = value;
    }
  }
  return {
    ...(account ? {} : { name: values.name.trim() }),
    label: values.label.trim(),
    queue_id: values.queue_id ?? NOBODY,
    ...(Object.keys(settings).length > 0 ? { settings } : {}),
    ...(Object.keys(secrets).length > 0 ? { secrets } : {}),
  };
}

const technical = /(_url|^version|^media_hosts)$/;

/** Fields for everybody, and those with a value of the platform's own that few will change. */
export function splitFields(fields: Field[]): { main: Field[]; advanced: Field[] } {
  const advanced = fields.filter((f) => technical.test(f.name) && !f.secret);
  return { main: fields.filter((f) => !advanced.includes(f)), advanced };
}

export type AccountState = 'ok' | 'needs_reauthorisation' | 'paused' | 'off';

export const stateOf = (account: Account): AccountState => (account.enabled ? (account.state as AccountState) : 'off');

export const tones: Record<AccountState, Tone> = {
  ok: 'good',
  needs_reauthorisation: 'bad',
  paused: 'warn',
  off: 'quiet',
};

/** Where a platform's word is an object with one word in it, that word. */
export function factText(value: string): string {
  if (!value.startsWith('{')) return value;
  try {
    const inner = Object.values(JSON.parse(value) as Record<string, unknown>);
    return inner.length === 1 ? String(inner[0]) : value;
  } catch {
    return value;
  }
}

/** Where platforms send their events: as the server says, or, where nobody has told it its address, as this page reaches it. */
export const hookOf = (account: Account, origin: string): string =>
  account.hook_url || `${origin}/hooks/${account.channel}/${account.name}`;

/** What the platform said when an account was tried; undefined for any other error. */
export function refusalOf(error: unknown): string | undefined {
  if (!(error instanceof Problem) || error.code !== 'channel_check_failed') return undefined;
  return error.message.slice(error.message.indexOf(': ') + 2);
}
