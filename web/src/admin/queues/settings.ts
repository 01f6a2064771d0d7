import type { Schema } from '../../api/client';

export type Settings = Schema['Settings'];
export type Own = Schema['OwnSettings'];
/** Settings that a screen shows. */
export type Name = Exclude<keyof Own, '$schema'>;
export type Value<N extends Name> = NonNullable<Own[N]>;

/** The order and the groups in which settings are shown. */
export const groups: Array<{ group: string; names: Name[]; menuToo?: boolean }> = [
  { group: 'groupCaller', names: ['greeting', 'menu', 'hold_music', 'announcement'], menuToo: true },
  {
    group: 'groupAgent',
    names: ['notification', 'auto_answer', 'whisper', 'countdown', 'ring_seconds', 'missed', 'wrap_up', 'dispositions'],
  },
  {
    group: 'groupRouting',
    names: [
      'bot',
      'algorithm',
      'offer_mode',
      'skills',
      'rings',
      'shares',
      'preferred_agent',
      'ageing',
      'weights',
      'service_level_seconds',
    ],
  },
  { group: 'groupWaiting', names: ['max_waiting', 'overcapacity', 'empty', 'redial_seconds'] },
  { group: 'groupReturns', names: ['voicemail', 'callback', 'schedule'] },
  { group: 'groupOutbound', names: ['outbound'] },
  { group: 'groupHours', names: ['hours', 'hours_overrides', 'transfer_after_hours'] },
  {
    group: 'groupDeflection',
    names: [
      'deflect_calls',
      'deflection',
      'deflection_mobile',
      'deflect_chats',
      'deflection_web',
      'deflection_sms',
      'deflection_messaging',
    ],
  },
  { group: 'groupAfter', names: ['record', 'redact_max_seconds', 'ticket', 'hold_for_choice'] },
];

/** Settings that hold for all queues alike, so that queues do not show them. */
export const globalOnly: Name[] = ['deflect_calls', 'deflect_chats', 'deflection_web', 'transfer_after_hours'];

/** No opening hours: always open. */
export const NO_ID = '00000000-0000-0000-0000-000000000000';

/** What Tandem does where nobody has said anything (package queues, inherit). */
export const defaults: { [N in Name]: Value<N> } = {
  greeting: {},
  hold_music: {},
  whisper: { mode: 'queue_name', speed: 1 },
  countdown: true,
  notification: {
    call: { tone: 'classic', every_seconds: 3 },
    chat: { tone: 'bell', every_seconds: 10 },
    message: { tone: 'drop', every_seconds: 0 },
    text: 'off',
  },
  record: 'yes',
  redact_max_seconds: 120,
  ring_seconds: 20,
  wrap_up: { mode: 'timed', max_seconds: 60 },
  dispositions: [],
  announcement: { on: false, every_seconds: 60 },
  missed: { threshold: 1, not_responding_seconds: 0 },
  ticket: true,
  hold_for_choice: true,
  service_level_seconds: 20,
  short_abandon_seconds: 5,
  hours: NO_ID,
  hours_overrides: [],
  transfer_after_hours: false,
  deflect_calls: false,
  deflection: { mode: 'off' },
  deflection_mobile: {},
  deflect_chats: false,
  deflection_web: {},
  deflection_sms: { on: false },
  deflection_messaging: { on: false },
  overcapacity: [],
  empty: { join: { when: 'never', do: { mode: 'off' } }, leave: { when: 'never', do: { mode: 'off' } } },
  voicemail: { ask_number: false, max_seconds: 180 },
  callback: { offer: false, key: '1', after_seconds: 60, attempts: 3, retry_seconds: 900, ring_seconds: 40 },
  schedule: { on: false, slot_minutes: 15, capacity: 2, days_ahead: 14, lead_minutes: 30, priority: 10 },
  outbound: { allowed: false },
  redial_seconds: 60,
  max_waiting: 0,
  algorithm: 'longest_idle',
  offer_mode: 'one',
  skills: { match: 'all', required: [] },
  rings: [],
  shares: [],
  ageing: { curve: 'none' },
  preferred_agent: { last_agent: false, wait_seconds: 0 },
  auto_answer: false,
  weights: {},
  bot: { when: 'always' },
  menu: { wait_seconds: 5, max_no_input: 3, max_invalid: 3, final: 'hang_up', zero: 'up' },
};

/** What is to be changed: new own values, and names to inherit again. */
export interface Draft {
  set: Own;
  reset: Name[];
}

export const noDraft: Draft = { set: {}, reset: [] };

export function withValue<N extends Name>(draft: Draft, name: N, value: Value<N>): Draft {
  return { set: { ...draft.set, [name]: value }, reset: draft.reset.filter((n) => n !== name) };
}

export function withReset(draft: Draft, name: Name): Draft {
  const { [name]: _, ...set } = draft.set;
  return { set, reset: draft.reset.includes(name) ? draft.reset : [...draft.reset, name] };
}

export const isChanged = (draft: Draft): boolean => Object.keys(draft.set).length > 0 || draft.reset.length > 0;
